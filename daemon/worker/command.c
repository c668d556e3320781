/* command.c — the command verb: a program's standard output as one artifact.
 *
 * The happy path is: start the program, its output goes to the destinations, it exits 0, finish. Failure
 * modes: it cannot be started, exits non-zero or dies (its last words are in the error), prints
 * nothing at all (which no backup ever is), or hangs (the daemon's no-progress timeout cancels). */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "daemon/worker/outputs.h"
#include "lib/base/child.h"
#include "lib/base/io.h"

enum { CHUNK = 1 << 20, TICK_MS = 500 };

struct command {
    struct worker *worker;
    struct outputs *outputs;
    struct child *child;
    const char *step;
};

/* 0: there is something to read, or the end. */
static int await_output(struct command *c, struct err *e)
{
    struct pollfd p = {.fd = child_stdout(c->child), .events = POLLIN};
    int n = 0;

    while (n == 0 || (n < 0 && errno == EINTR)) {
        if (worker_cancelled(c->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        n = poll(&p, 1, TICK_MS);
    }
    return n < 0 ? err_sys(e, ERR_IO, errno, "wait for output") : 0;
}

static int copy_output(struct command *c, struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);

    for (;;) {
        if (await_output(c, e) < 0)
            return -1;
        ssize_t n = io_read(child_stdout(c->child), chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "read output");
        if (n == 0)
            return 0;
        if (outputs_write(c->outputs, chunk, (size_t)n, e) < 0)
            return -1;
        worker_progress(c->worker, c->step, outputs_raw_bytes(c->outputs), 0);
    }
}

static int run_command(struct command *c, const struct strlist *argv, struct err *e)
{
    struct child_spec spec = {
        .argv = (const char *const *)argv->items, .want_stdout = true, .pass_fd = -1};

    if (child_start(&c->child, &spec, e) < 0)
        return -1;
    if (copy_output(c, e) < 0) {
        child_signal(c->child, SIGTERM);
        return -1;
    }
    if (child_wait(c->child, NULL, e) < 0)
        return -1;
    if (outputs_raw_bytes(c->outputs) == 0)
        return err_set(e, ERR_SOURCE, "%s exited 0 but printed nothing, which is no backup: %s",
                       argv->items[0], child_stderr(c->child));
    return 0;
}

static int back_up(struct command *c, const struct strlist *argv, const struct strlist *restore,
                   struct err *e)
{
    const struct output_about about = {.kind = "out"};

    if (outputs_begin(c->outputs, &about, e) < 0)
        return -1;
    int rc = run_command(c, argv, e);
    child_free(c->child);
    if (rc < 0) {
        outputs_abort(c->outputs);
        return -1;
    }
    return outputs_end(c->outputs,
                       json_pack("{s:o, s:o}", "command", json_from_strings(argv),
                                 "restore_command", json_from_strings(restore)),
                       e);
}

int verb_command(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist argv = {0}, restore = {0};
    _cleanup_free_ char *step = NULL;
    struct command c = {.worker = w};
    json_t *source;
    int rc = -1;

    if (json_get_object(job, "source", &source, e) < 0 ||
        json_get_strings(source, "command", &argv, e) < 0 ||
        json_get_strings(source, "restore_command", &restore, e) < 0)
        return err_wrap(e, "job: source");
    if (argv.count == 0)
        return err_set(e, ERR_CONFIG, "the source has no command");
    step = mem_printf("run %s", argv.items[0]);
    c.step = step;
    if (outputs_open(w, job, &c.outputs, e) == 0)
        rc = back_up(&c, &argv, &restore, e);
    if (rc == 0)
        rc = outputs_finish(c.outputs, ret_result, e);
    outputs_free(c.outputs);
    return rc;
}
