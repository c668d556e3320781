#include "lib/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"

enum { TAIL_MAX = 4096, KILL_AFTER_MS = 5000, LEFTOVER_MAX = 1 << 20 };

struct child {
    char *name; /* last part of argv[0], for messages */
    pid_t pid;  /* 0 once reaped */
    int in, out, err;
    int ended; /* eventfd: the child was reaped */
    pthread_t drain;
    bool draining;
    char tail[TAIL_MAX]; /* ring of the last bytes of stderr, written by the drain thread */
    size_t tail_written;
    char *printable; /* made by child_stderr */
};

/* Until the end of file, or until the child has ended and what it had written is read: a service
 * that it started may hold the pipe open for ever. */
static void *drain_stderr(void *arg)
{
    struct child *c = arg;
    struct pollfd p[2] = {{.fd = c->err, .events = POLLIN}, {.fd = c->ended, .events = POLLIN}};
    size_t leftover = 0;
    char chunk[1024];

    while (leftover < LEFTOVER_MAX) {
        if (poll(p, 2, -1) < 0)
            continue;
        bool over = p[1].revents != 0;
        if (p[0].revents == 0 && over)
            return NULL;
        ssize_t n = io_read(c->err, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return NULL;
        for (ssize_t i = 0; i < n; i++)
            c->tail[c->tail_written++ % TAIL_MAX] = chunk[i];
        leftover += over ? (size_t)n : 0;
    }
    return NULL;
}

struct plan { /* made before fork: between fork and exec only async-signal-safe calls are allowed */
    char *path;
    int fds[3];
    int report; /* write end: errno of a failed exec */
};

/* What execve would hand on: the ambient set, and through file capabilities the inheritable one. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* EINVAL on old kernels only */
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].inheritable = 0;
    (void)syscall(SYS_capset, &header, data); /* giving up is always allowed */
}

__attribute__((noreturn)) static void run_child(const struct child_spec *spec,
                                                const struct plan *plan, pid_t parent)
{
    extern char **environ;
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(plan->fds[i], i) < 0)
            goto fail;
    /* whatever somebody else opened without the flag stays ours */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (spec->pass_fd > 2 && fcntl(spec->pass_fd, F_SETFD, 0) != 0)
        goto fail;
    for (int sig = 1; sig < 32; sig++)
        (void)signal(sig, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (!spec->keep_capabilities)
        drop_capabilities();
    if (spec->directory != NULL && chdir(spec->directory) != 0)
        goto fail;
    (void)execve(plan->path, (char *const *)spec->argv,
                 spec->env != NULL ? (char *const *)spec->env : environ);
fail:;
    int why = errno;
    (void)!write(plan->report, &why, sizeof(why));
    _exit(127);
}

char *child_find_program(const char *name)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/') != NULL)
        return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
    for (const char *p = path != NULL ? path : "/usr/bin:/bin"; *p != '\0';) {
        size_t len = strcspn(p, ":");
        char *candidate = mem_printf("%.*s/%s", (int)len, p, name);
        if (len > 0 && access(candidate, X_OK) == 0)
            return candidate;
        free(candidate);
        p += len + (p[len] == ':');
    }
    return NULL;
}

/* A pipe end pair for stream i, or /dev/null: ours in *mine, the child's in *theirs. */
static int open_stream(int i, bool wanted, int *mine, int *theirs)
{
    int fds[2];

    *mine = -1;
    if (!wanted) {
        *theirs = io_open(AT_FDCWD, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
        return *theirs < 0 ? -1 : 0;
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    if (i == 1)
        (void)fcntl(fds[1], F_SETPIPE_SZ, 1 << 20); /* a hint: fewer switches with pg_dump */
    *mine = i == 0 ? fds[1] : fds[0];
    *theirs = i == 0 ? fds[0] : fds[1];
    return 0;
}

static int start(struct child *c, const struct child_spec *spec, struct err *e)
{
    struct plan plan = {.fds = {-1, -1, -1}, .report = -1};
    int report[2] = {-1, -1}, why = 0, rc = -1;
    pid_t parent = getpid();

    plan.path = child_find_program(spec->argv[0]);
    if (plan.path == NULL)
        return err_set(e, ERR_CHILD, "%s: no such program", spec->argv[0]);
    if (open_stream(0, spec->want_stdin, &c->in, &plan.fds[0]) != 0 ||
        open_stream(1, spec->want_stdout, &c->out, &plan.fds[1]) != 0 ||
        open_stream(2, true, &c->err, &plan.fds[2]) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        (void)err_sys(e, ERR_IO, errno, "pipe for %s", c->name);
        goto out;
    }
    plan.report = report[1];
    c->pid = fork();
    if (c->pid == 0)
        run_child(spec, &plan, parent);
    if (c->pid < 0) {
        c->pid = 0;
        (void)err_sys(e, ERR_CHILD, errno, "start %s", c->name);
        goto out;
    }
    fs_closep(&report[1]);
    ssize_t n;
    do
        n = io_read(report[0], &why, sizeof(why));
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        (void)err_sys(e, ERR_CHILD, why, "start %s", c->name);
        goto out;
    }
    c->ended = eventfd(0, EFD_CLOEXEC);
    if (c->ended < 0 || pthread_create(&c->drain, NULL, drain_stderr, c) != 0) {
        (void)err_set(e, ERR_CHILD, "start %s: no thread for its error output", c->name);
        goto out;
    }
    c->draining = true;
    rc = 0;
out:
    for (int i = 0; i < 3; i++)
        fs_closep(&plan.fds[i]);
    fs_closep(&report[0]);
    fs_closep(&report[1]);
    free(plan.path);
    return rc;
}

int child_start(struct child **ret, const struct child_spec *spec, struct err *e)
{
    struct child *c = mem_alloc(sizeof(*c));
    const char *slash = strrchr(spec->argv[0], '/');

    c->in = c->out = c->err = c->ended = -1;
    c->name = mem_strdup(slash != NULL ? slash + 1 : spec->argv[0]);
    if (start(c, spec, e) < 0) {
        child_free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

int child_stdin(const struct child *c)
{
    return c->in;
}

int child_stdout(const struct child *c)
{
    return c->out;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

void child_close_stdin(struct child *c)
{
    fs_closep(&c->in);
}

void child_close_stdout(struct child *c)
{
    fs_closep(&c->out);
}

void child_signal(struct child *c, int sig)
{
    if (c->pid > 0)
        (void)kill(c->pid, sig);
}

static int reap(struct child *c, int *status)
{
    while (waitpid(c->pid, status, 0) < 0)
        if (errno != EINTR)
            return -1;
    c->pid = 0;
    return 0;
}

static void join_drain(struct child *c)
{
    if (!c->draining)
        return;
    (void)eventfd_write(c->ended, 1);
    (void)pthread_join(c->drain, NULL);
    c->draining = false;
}

const char *child_stderr(struct child *c)
{
    if (c->draining)
        return "";
    free(c->printable);
    char linear[TAIL_MAX + 1];
    size_t len = c->tail_written < TAIL_MAX ? c->tail_written : TAIL_MAX, n = 0;
    for (size_t i = 0; i < len; i++) {
        char ch = c->tail[(c->tail_written - len + i) % TAIL_MAX];
        linear[n++] = ch == '\n' ? ' ' : ch;
    }
    while (n > 0 && linear[n - 1] == ' ')
        n--;
    c->printable = str_printable(linear, n);
    return c->printable;
}

int child_wait(struct child *c, int *ret_status, struct err *e)
{
    int status = 0;

    if (reap(c, &status) != 0)
        return err_sys(e, ERR_CHILD, errno, "wait for %s", c->name);
    join_drain(c);
    if (ret_status != NULL)
        *ret_status = status;
    if (WIFSIGNALED(status))
        return err_set(e, ERR_CHILD, "%s: killed by signal %d (%s)%s%s", c->name, WTERMSIG(status),
                       strsignal(WTERMSIG(status)), c->tail_written > 0 ? ": " : "",
                       child_stderr(c));
    if (WEXITSTATUS(status) != 0)
        return err_set(e, ERR_CHILD, "%s: exit status %d%s%s", c->name, WEXITSTATUS(status),
                       c->tail_written > 0 ? ": " : "", child_stderr(c));
    return 0;
}

void child_free(struct child *c)
{
    int status;

    if (c == NULL)
        return;
    fs_closep(&c->in);
    fs_closep(&c->out);
    if (c->pid > 0) {
        (void)kill(c->pid, SIGKILL);
        (void)reap(c, &status);
    }
    join_drain(c);
    fs_closep(&c->err);
    fs_closep(&c->ended);
    free(c->printable);
    free(c->name);
    free(c);
}

/* Collect stdout until its end, or until the deadline, then TERM, then KILL. 1: ran out of time. */
static int collect(struct child *c, struct buf *out, int64_t timeout_ms, struct err *e)
{
    int64_t end = clock_mono().us / 1000 + timeout_ms;
    bool asked = false;
    char chunk[4096];

    for (;;) {
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        int64_t left = end - clock_mono().us / 1000;
        int n = poll(&p, 1, timeout_ms == 0 ? -1 : left < 0 ? 0 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0) {
            child_signal(c, asked ? SIGKILL : SIGTERM);
            if (asked)
                return 1;
            asked = true;
            end += KILL_AFTER_MS;
            continue;
        }
        ssize_t got = io_read(c->out, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return asked;
        int rc = buf_append(out, chunk, (size_t)got, e);
        mem_wipe(chunk, sizeof(chunk)); /* it may be a key */
        if (rc < 0)
            return -1;
    }
}

int child_run(const struct child_spec *spec, struct buf *out, struct err *e)
{
    struct child_spec with_stdout = *spec;
    struct child *c = NULL;
    struct err ended = {0};

    with_stdout.want_stdout = true;
    if (child_start(&c, &with_stdout, e) < 0)
        return -1;
    int rc = collect(c, out, spec->timeout_ms, e);
    if (rc < 0) {
        (void)err_wrap(e, "%s: output", c->name);
    } else if (child_wait(c, NULL, &ended) < 0) {
        if (rc == 1)
            (void)err_set(&ended, ERR_TIMEOUT, "%s: not done after %lld s, ended", c->name,
                          (long long)(spec->timeout_ms / 1000));
        if (e != NULL)
            *e = ended;
        rc = -1;
    }
    child_free(c);
    return rc < 0 ? -1 : 0;
}
