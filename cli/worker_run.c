/* worker_run.c
 *
 * The happy path is: a socket pair, spawn, send the job, show what comes, keep the result, see the
 * end of the connection, reap, compare exit status and result.
 * Possible failure modes: no worker program; it dies before the job; it ends without a result; its
 * exit status contradicts its result; Ctrl-C (once: asked to stop, three times: killed). */
#include "cli/worker_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/worker_env.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/protocol/worker_msg.h"

struct session {
    const struct worker_run *run;
    struct channel channel;
    struct interrupt interrupt;
    struct progress progress;
    pid_t pid;
    int interrupts;
    struct err refused; /* why our answer was no */
    json_t *result;     /* the "result" message */
};

/* $SYNBAK_WORKER, beside this program, or where it is installed. Owned. */
static char *find_worker(struct err *e)
{
    const char *named = getenv("SYNBAK_WORKER");
    char self[4096];
    ssize_t len = io_readlink(AT_FDCWD, "/proc/self/exe", self, sizeof(self) - 1);

    if (named != NULL && named[0] != '\0')
        return mem_strdup(named);
    if (len > 0) {
        self[len] = '\0';
        char *slash = strrchr(self, '/');
        char *beside = mem_printf("%.*s/synbak-worker", (int)(slash - self), self);
        if (access(beside, X_OK) == 0)
            return beside;
        free(beside);
    }
    if (access(SYNBAK_LIBEXECDIR "/synbak-worker", X_OK) == 0)
        return mem_strdup(SYNBAK_LIBEXECDIR "/synbak-worker");
    (void)err_set(e, ERR_CHILD,
                  "synbak-worker is neither beside synbakctl nor in %s: install it, or set "
                  "SYNBAK_WORKER",
                  SYNBAK_LIBEXECDIR);
    return NULL;
}

static int spawn(struct session *s, int theirs, struct err *e)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    _cleanup_free_ char *path = find_worker(e);

    if (path == NULL)
        return -1;
    /* setpriv(1) changes the user before the worker begins, so that it never was root */
    char *user = (char *)s->run->user;
    const struct passwd *known = user != NULL ? getpwnam(user) : NULL;
    _cleanup_free_ char *group =
        known != NULL ? mem_printf("%u", (unsigned)known->pw_gid) : mem_strdup(user);
    char *const as_user[] = {"setpriv", "--reuid",       user, "--regid",
                             group,     "--init-groups", path, NULL};
    char *const plain[] = {path, NULL};
    char *const *argv = user != NULL ? as_user : plain;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!s->run->output)
        (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, theirs, 3);
    (void)posix_spawn_file_actions_addclosefrom_np(&actions, 4);
    _cleanup_free_ char **env = worker_env_make(s->run->job);
    int why = posix_spawnp(&s->pid, argv[0], &actions, &attributes, argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return why == 0 ? 0 : err_sys(e, ERR_CHILD, why, "start %s", path);
}

static int start(struct session *s, struct err *e)
{
    int fds[2];

    if (interrupt_open(&s->interrupt, e) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return err_sys(e, ERR_IO, errno, "socketpair");
    channel_init(&s->channel, fds[0], WORKER_FRAME_MAX);
    int rc = spawn(s, fds[1], e);
    fs_closep(&fds[1]);
    if (rc < 0)
        return -1;
    if (s->run->started != NULL)
        s->run->started(s->run->arg, s->pid);
    (void)json_object_set_new(s->run->job, "type", json_string("job"));
    (void)json_object_set_new(s->run->job, "person_waits", json_true());
    return frame_send(s->channel.fd, s->run->job, WORKER_FRAME_MAX, e);
}

static int send_word(struct session *s, const char *type, struct err *e)
{
    _cleanup_json_ json_t *message = json_pack("{s:s}", "type", type);

    return frame_send(s->channel.fd, message, WORKER_FRAME_MAX, e);
}

static int answer(struct session *s, const json_t *message, struct err *e)
{
    progress_clear(&s->progress);
    int rc = s->run->ask != NULL ? s->run->ask(s->run->arg, message, &s->refused)
                                 : err_set(&s->refused, ERR_REFUSED, "not confirmed");
    _cleanup_json_ json_t *reply = json_pack("{s:s, s:b}", "type", "answer", "yes", rc == 0);
    return frame_send(s->channel.fd, reply, WORKER_FRAME_MAX, e);
}

static void show_log(struct session *s, const json_t *message)
{
    const char *level = json_opt_string(message, "level", "");
    bool warning = str_equal(level, "warning");
    const char *text = json_opt_string(message, "text", "");

    progress_clear(&s->progress);
    if (warning || str_equal(level, "notice") || s->run->screen->json || s->run->output) {
        _cleanup_free_ char *shown = str_printable(text, strlen(text));
        (void)fprintf(stderr, "%s%s\n", warning ? "warning: " : "", shown);
    } else {
        say_line(s->run->screen, PLAIN, "%s", text);
    }
}

static int take_message(struct session *s, json_t *message, struct err *e)
{
    const char *type = json_opt_string(message, "type", "");

    if (str_equal(type, "progress") && !s->run->quiet && !s->run->output)
        progress_show(&s->progress, message);
    else if (str_equal(type, "log"))
        show_log(s, message);
    else if (str_equal(type, "ask"))
        return answer(s, message, e);
    else if (str_equal(type, "result") && s->result == NULL)
        s->result = json_incref(message);
    return 0;
}

/* Once: asked to stop. Then a warning. Then killed, with what that leaves to be repaired. A worker that
 * can no longer be asked is ending by itself, and its result may still be on the way. */
static void take_interrupt(struct session *s)
{
    struct err gone = {0};

    progress_clear(&s->progress);
    s->interrupts++;
    if (s->interrupts == 1) {
        (void)fprintf(stderr, "synbakctl: stopping, and cleaning up ...\n");
        (void)send_word(s, "cancel", &gone);
    } else if (s->interrupts == 2) {
        (void)fprintf(stderr, "synbakctl: still cleaning up; once more kills it half-way\n");
    } else {
        (void)kill(s->pid, SIGKILL);
    }
}

/* Until the end of the connection. A broken one is no error yet: the exit status tells more. */
static void follow(struct session *s)
{
    struct err e = {0};

    for (;;) {
        _cleanup_json_ json_t *message = NULL;
        int rc = channel_receive(&s->channel, &s->interrupt, -1, &message, &e);
        if (rc == CHANNEL_INTERRUPTED)
            take_interrupt(s);
        else if (rc != CHANNEL_OBJECT || take_message(s, message, &e) < 0)
            return;
    }
}

static int conclude(struct session *s, int status, json_t **ret, struct err *e)
{
    if (s->result == NULL && WIFSIGNALED(status))
        return err_set(e, s->interrupts > 0 ? ERR_CANCELLED : ERR_CHILD,
                       "synbak-worker was killed by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    if (s->result == NULL)
        return err_set(e, ERR_CHILD, "synbak-worker ended with status %d and no result",
                       WEXITSTATUS(status));
    if (!json_opt_bool(s->result, "ok", false)) {
        if (s->refused.code != ERR_NONE) {
            *e = s->refused;
            return -1;
        }
        return err_set(e, err_from_word(json_opt_string(s->result, "code", "internal")), "%s",
                       json_opt_string(s->result, "error", "synbak-worker gave no reason"));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(e, ERR_CHILD, "synbak-worker says it is done but did not end well");
    json_t *result = json_object_get(s->result, "result");
    *ret = json_is_object(result) ? json_incref(result) : json_object();
    return 0;
}

int worker_run(const struct worker_run *run, json_t **ret, struct err *e)
{
    struct session s = {.run = run, .channel.fd = -1, .interrupt.fd = -1};
    int status = 0;

    progress_init(&s.progress, run->screen);
    int rc = start(&s, e);
    json_decref(run->job); /* it may hold a key */
    if (rc == 0)
        follow(&s);
    channel_deinit(&s.channel); /* a worker that still runs sees the end and stops */
    if (s.pid > 0)
        while (waitpid(s.pid, &status, 0) < 0 && errno == EINTR)
            ;
    if (rc == 0)
        rc = conclude(&s, status, ret, e);
    if (rc == 0)
        progress_end(&s.progress);
    progress_deinit(&s.progress);
    json_decref(s.result);
    interrupt_close(&s.interrupt);
    return rc;
}
