#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "tests/lib/test.h"

static struct err e;

static int run(const char *script, struct buf *out, int64_t timeout_ms)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = {.argv = argv, .pass_fd = -1, .timeout_ms = timeout_ms};

    return child_run(&spec, out, &e);
}

TEST(output_comes_back)
{
    struct buf out = BUF_INIT(100);

    ASSERT_OK(run("echo hello; echo noise >&2", &out, 0), e);
    ASSERT_STR((char *)out.data, "hello\n");
    buf_deinit(&out);
}

TEST(failures_carry_status_and_stderr)
{
    struct buf out = BUF_INIT(100);

    ASSERT_ERR(run("printf 'it \\033[31mbroke\\n' >&2; exit 3", &out, 0), e, ERR_CHILD);
    ASSERT_STR(e.text, "sh: exit status 3: it \\x1b[31mbroke");
    ASSERT_ERR(run("kill -9 $$", &out, 0), e, ERR_CHILD);
    ASSERT_CONTAINS(e.text, "killed by signal 9");
    const char *argv[] = {"no-such-program-here", NULL};
    struct child_spec spec = {.argv = argv, .pass_fd = -1};
    ASSERT_ERR(child_run(&spec, &out, &e), e, ERR_CHILD);
    ASSERT_CONTAINS(e.text, "no-such-program-here");
    buf_deinit(&out);
}

TEST(endless_output_and_endless_stderr_are_bounded)
{
    struct buf out = BUF_INIT(1000);

    ASSERT_ERR(run("while :; do echo x; done", &out, 0), e, ERR_LIMIT);
    buf_deinit(&out);
    ASSERT_ERR(
        run("i=0; while [ $i -lt 20000 ]; do echo noise $i >&2; i=$((i+1)); done; exit 1", &out, 0),
        e, ERR_CHILD);
    ASSERT(strlen(e.text) < ERR_TEXT_MAX);
}

TEST(a_service_that_it_started_does_not_keep_us)
{
    const char *argv[] = {"sh", "-c", "echo begun >&2; sleep 1000 >&2 & echo $! >&2; exit 1", NULL};
    const struct child_spec spec = {.argv = argv, .pass_fd = -1};
    struct child *c = NULL;

    ASSERT_OK(child_start(&c, &spec, &e), e);
    ASSERT_ERR(child_wait(c, NULL, &e), e, ERR_CHILD); /* hangs if it waits for the end of stderr */
    ASSERT_CONTAINS(e.text, "exit status 1: begun ");
    const char *words = child_stderr(c);
    (void)kill(atoi(words + strlen("begun ")), SIGKILL);
    child_free(c);
}

TEST(nothing_of_ours_is_inherited)
{
    struct buf out = BUF_INIT(1000);
    int careless = dup2(STDERR_FILENO, 50); /* as a library might: without O_CLOEXEC */

    ASSERT_EQ(careless, 50);
    ASSERT_OK(run("ls /proc/self/fd | sort -n | tr '\\n' ' '", &out, 0), e);
    ASSERT(strstr((char *)out.data, "50") == NULL);
    buf_deinit(&out);
    ASSERT_OK(
        run("grep -E 'Cap(Inh|Amb)' /proc/self/status | grep -v 0000000000000000; true", &out, 0),
        e);
    ASSERT_EQ((int)out.len, 0);
    buf_deinit(&out);
    (void)close(careless);
}

TEST(a_child_that_does_not_end_is_ended)
{
    struct buf out = BUF_INIT(100);

    ASSERT_ERR(run("exec sleep 1000", &out, 50), e, ERR_TIMEOUT);
    buf_deinit(&out);
}

TEST(environment_and_directory_are_as_told)
{
    const char *argv[] = {"/bin/sh", "-c", "pwd; echo $ONLY; echo $HOME", NULL};
    const char *env[] = {"ONLY=this", NULL};
    struct child_spec spec = {.argv = argv, .env = env, .directory = "/", .pass_fd = -1};
    struct buf out = BUF_INIT(100);

    ASSERT_OK(child_run(&spec, &out, &e), e);
    ASSERT_STR((char *)out.data, "/\nthis\n\n");
    buf_deinit(&out);
}

/* Nothing of ours leaks: only what is handed over by number. */
TEST(descriptors_are_closed_but_the_one_that_is_passed)
{
    int kept = open("/dev/null", O_RDONLY | O_CLOEXEC),
        hidden = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char *script = mem_printf("[ -e /proc/self/fd/%d ] && echo kept; [ -e /proc/self/fd/%d ] && "
                              "echo hidden; true",
                              kept, hidden);
    const char *argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = {.argv = argv, .pass_fd = kept};
    struct buf out = BUF_INIT(100);

    ASSERT_OK(child_run(&spec, &out, &e), e);
    ASSERT_STR((char *)out.data, "kept\n");
    free(script);
    buf_deinit(&out);
    (void)close(kept);
    (void)close(hidden);
}

TEST(signals_are_at_their_defaults)
{
    struct buf out = BUF_INIT(100);
    sigset_t all;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    ASSERT_OK(run("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d ' \\t\\n'", &out, 0), e);
    ASSERT_STR((char *)out.data, "SigBlk:0000000000000000SigIgn:0000000000000000");
    buf_deinit(&out);
}

TEST(stdin_is_fed_and_ends)
{
    const char *argv[] = {"cat", NULL};
    struct child_spec spec = {.argv = argv, .want_stdin = true, .want_stdout = true, .pass_fd = -1};
    struct child *c;
    char back[16] = "";
    size_t got;
    int status;

    ASSERT_OK(child_start(&c, &spec, &e), e);
    ASSERT(child_pid(c) > 0);
    ASSERT_OK(fs_write_all(child_stdin(c), "to and fro", 10, &e), e);
    child_close_stdin(c);
    ASSERT_OK(fs_read_full(child_stdout(c), back, sizeof(back) - 1, &got, &e), e);
    ASSERT_STR(back, "to and fro");
    ASSERT_OK(child_wait(c, &status, &e), e);
    ASSERT_EQ(status, 0);
    child_free(c);
}

TEST(freeing_a_running_child_ends_it)
{
    const char *argv[] = {"sleep", "1000", NULL};
    struct child_spec spec = {.argv = argv, .pass_fd = -1};
    struct child *c;

    ASSERT_OK(child_start(&c, &spec, &e), e);
    pid_t pid = child_pid(c);
    child_free(c);
    ASSERT(kill(pid, 0) != 0);
    child_free(NULL);
}
