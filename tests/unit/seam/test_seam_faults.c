/* The seam itself: a fault that is not injected would make every campaign above it pass. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "tests/lib/power_loss.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static struct err e;

static int make_file(const char *name)
{
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    return io_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
}

TEST(changes_are_counted_and_nothing_else)
{
    char byte;

    seam_reset();
    int fd = make_file("f"); /* 1 */
    ASSERT_EQ(io_write(fd, "ab", 2), 2);
    ASSERT_EQ(io_fsync(fd), 0);
    ASSERT_EQ(io_pread(fd, &byte, 1, 0), 1);
    ASSERT_EQ(io_truncate(fd, 1), 0);
    ASSERT_EQ(seam_count(), 4);
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    ASSERT_EQ(io_write(fds[1], "x", 1), 1); /* not durable, not counted */
    ASSERT_EQ(seam_count(), 4);
    (void)close(fd);
}

TEST(call_n_fails_once_or_for_good)
{
    seam_reset();
    seam_fail_once(2, EIO);
    int fd = make_file("f");
    ASSERT(io_write(fd, "a", 1) < 0 && errno == EIO);
    ASSERT_EQ(io_write(fd, "a", 1), 1);
    seam_reset();
    seam_fail_from(2, ENOSPC);
    ASSERT_EQ(io_write(fd, "a", 1), 1);
    ASSERT(io_write(fd, "a", 1) < 0 && errno == ENOSPC);
    ASSERT(io_fsync(fd) < 0 && errno == ENOSPC);
    (void)close(fd);
}

TEST(space_runs_out_in_the_middle_of_a_write)
{
    int fd = make_file("f");

    seam_reset();
    seam_space(5);
    ASSERT_EQ(io_write(fd, "abc", 3), 3);
    ASSERT_EQ(io_write(fd, "abc", 3), 2);
    ASSERT(io_write(fd, "c", 1) < 0 && errno == ENOSPC);
    (void)close(fd);
}

TEST(a_killed_write_is_half_done)
{
    struct stat st;
    int fd = make_file("f"), status;

    pid_t pid = fork();
    if (pid == 0) {
        seam_reset();
        seam_kill_at(2);
        (void)io_write(fd, "1234", 4);
        (void)io_write(fd, "5678", 4);
        _exit(0);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == 9);
    ASSERT_EQ(fstat(fd, &st), 0);
    ASSERT_EQ(st.st_size, 6);
    (void)close(fd);
}

TEST(bits_flip_and_counts_fall_short)
{
    int fd = make_file("f");
    char back[9] = "";

    seam_reset();
    seam_flip_at(1);
    ASSERT_EQ(io_write(fd, "12345678", 8), 8);
    ASSERT_EQ(io_pread(fd, back, 8, 0), 8);
    ASSERT(strcmp(back, "12345678") != 0);
    seam_short_counts(true);
    ASSERT_EQ(io_write(fd, "12345678", 8), 4);
    seam_short_counts(false);
    seam_interrupt(true);
    ASSERT(io_write(fd, "1", 1) < 0 && errno == EINTR);
    ASSERT_EQ(io_write(fd, "1", 1), 1);
    (void)close(fd);
}

/* Run by the next test in a program of its own; by itself it does the same, unharmed. */
TEST(inner)
{
    int dir;

    ASSERT_OK(fs_open_dir(test_dir(), &dir, &e), e);
    ASSERT_OK(fs_replace_file(dir, "f", "text", 4, 0600, &e), e);
    (void)close(dir);
}

static int run_inner(const char *fault, const char *counter, const char *only)
{
    const char *argv[] = {"/proc/self/exe", "inner", NULL};
    char *env[4] = {mem_printf("SYNBAK_FAULT=%s", fault)};
    size_t n = 1;

    if (counter != NULL)
        env[n++] = mem_printf("SYNBAK_FAULT_COUNTER=%s", counter);
    if (only != NULL)
        env[n++] = mem_printf("SYNBAK_FAULT_PROGRAM=%s", only);
    struct child_spec spec = {.argv = argv, .env = (const char *const *)env, .pass_fd = -1};
    struct buf out = BUF_INIT(10000);
    int rc = child_run(&spec, &out, &e);
    buf_deinit(&out);
    for (size_t i = 0; i < n; i++)
        free(env[i]);
    return rc;
}

TEST(programs_are_told_by_their_environment)
{
    ASSERT_OK(run_inner("short,interrupt", NULL, NULL), e);
    ASSERT(run_inner("kill:2", NULL, NULL) < 0);
    ASSERT(run_inner("fail:1:EIO", NULL, NULL) < 0);
    ASSERT(run_inner("fail-from:3:ENOSPC", NULL, NULL) < 0);
    ASSERT(run_inner("deny:rename:EROFS", NULL, NULL) < 0);
    ASSERT(run_inner("space:2", NULL, NULL) < 0);
    ASSERT_OK(run_inner("kill:2", NULL, "another-program"), e);
    ASSERT(run_inner("nonsense", NULL, NULL) < 0);
    ASSERT(run_inner("fail:1:ENOSUCH", NULL, NULL) < 0);
}

TEST(one_counter_for_several_processes)
{
    char counter[300], fault[64];
    uint64_t first = 0, second = 0;

    (void)snprintf(counter, sizeof(counter), "%s/counter", test_dir());
    ASSERT_OK(run_inner("lie", counter, NULL), e);
    int fd = open(counter, O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(pread(fd, &first, sizeof(first), 0), sizeof(first));
    ASSERT(first >= 5);
    ASSERT_OK(run_inner("lie", counter, NULL), e);
    ASSERT_EQ(pread(fd, &second, sizeof(second), 0), sizeof(second));
    ASSERT_EQ(second, 2 * first);
    /* a call that only the third process reaches */
    (void)snprintf(fault, sizeof(fault), "kill:%llu", (unsigned long long)second + 2);
    ASSERT(run_inner(fault, counter, NULL) < 0);
    (void)close(fd);
}

static bool state_has(const struct power_loss *p, size_t cut, unsigned policy, const char *name)
{
    char state[300], path[400];

    (void)snprintf(state, sizeof(state), "%s/state", test_dir());
    (void)snprintf(path, sizeof(path), "%s/%s", state, name);
    power_loss_build(p, cut, policy, state);
    bool there = access(path, F_OK) == 0;
    ASSERT_OK(fs_remove_tree(AT_FDCWD, state, &e), e);
    return there;
}

TEST(what_is_not_synced_may_be_lost)
{
    char root[300], log[300];
    int dir;

    (void)snprintf(root, sizeof(root), "%s/root", test_dir());
    (void)snprintf(log, sizeof(log), "%s/log", test_dir());
    ASSERT_EQ(mkdir(root, 0700), 0);
    ASSERT_OK(fs_open_dir(root, &dir, &e), e);
    ASSERT_OK(fs_replace_file(dir, "before", "x", 1, 0600, &e), e);
    seam_log_start(log, root);
    int fd = io_open(dir, "unsynced", O_WRONLY | O_CREAT, 0600);
    ASSERT_EQ(io_write(fd, "abc", 3), 3);
    seam_log_mark("written");
    ASSERT_EQ(io_fsync(fd), 0);
    ASSERT_EQ(io_fsync(dir), 0);
    seam_log_mark("synced");
    ASSERT_EQ(io_rename(dir, "unsynced", dir, "renamed", 0), 0);
    seam_lie_about_fsync(true);
    ASSERT_EQ(io_fsync(dir), 0);
    seam_lie_about_fsync(false);
    seam_log_stop();
    struct power_loss *p = power_loss_load(log);
    ASSERT_EQ(power_loss_cuts(p), 7);
    ASSERT(power_loss_has_mark(p, 3, "written") && !power_loss_has_mark(p, 2, "written"));
    ASSERT(state_has(p, 3, 0, "before"));
    ASSERT(!state_has(p, 3, 0, "unsynced")); /* no name yet */
    ASSERT(state_has(p, 3, 2, "unsynced"));
    ASSERT(!state_has(p, 4, 0, "unsynced")); /* the bytes, not the name */
    ASSERT(state_has(p, 6, 0, "unsynced"));
    ASSERT(state_has(p, 7, 0, "unsynced") && !state_has(p, 7, 0, "renamed")); /* fsync lied */
    ASSERT(!state_has(p, 7, 1, "unsynced") && state_has(p, 7, 1, "renamed"));
    power_loss_free(p);
    (void)close(fd);
    (void)close(dir);
}
