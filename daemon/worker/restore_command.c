/* restore_command.c — what a command printed, fed to the command that takes it back.
 *
 * What that one does with it is its own affair: it works on the real thing at once, and cannot be
 * undone. It must read its whole input and exit 0. */
#include <errno.h>
#include <poll.h>

#include "daemon/worker/restore_item.h"
#include "lib/base/child.h"
#include "lib/base/fs.h"

enum { CHUNK = 1 << 20 };

struct restore_command {
    struct worker *worker;
    struct strlist argv;
    char *step;
    uint64_t total;
};

/* Configured now, or as it was when the backup was made. */
static int find_command(const struct restore_request *q, struct strlist *argv, struct err *e)
{
    if (q->source != NULL) {
        if (json_get_strings(q->source, "restore_command", argv, e) < 0)
            return -1;
        if (argv->count > 0)
            return 0;
    }
    if (json_object_get(q->artifact->details, "restore_command") == NULL)
        return 0;
    return json_get_strings(q->artifact->details, "restore_command", argv, e);
}

int restore_command_plan(const struct restore_request *q, struct restore_step *step,
                         struct restore_command **ret, struct err *e)
{
    struct restore_command *c = mem_alloc(sizeof(*c));
    char size[16];

    c->worker = q->worker;
    c->total = q->artifact->raw_bytes;
    c->step = mem_printf("restore %s", q->artifact->source);
    if (find_command(q, &c->argv, e) < 0) {
        restore_command_free(c);
        return -1;
    }
    step->what = mem_printf("output of a command, %s", str_bytes(c->total, size));
    if (c->argv.count == 0) {
        step->where = mem_strdup("nowhere");
        step->refusal = mem_printf("source \"%s\" has no restore_command: add one, or restore its "
                                   "output as a file (--target)",
                                   q->artifact->source);
    } else {
        step->where =
            mem_printf("the standard input of %s (at once, without undo)", c->argv.items[0]);
        step->replaces = mem_strdup("whatever that command replaces");
    }
    *ret = c;
    return 0;
}

static int feed(struct restore_command *c, struct child *child, restore_read *read, void *arg,
                struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    uint64_t done = 0;
    size_t len;

    for (;;) {
        if (worker_cancelled(c->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        if (read(arg, chunk, CHUNK, &len, e) < 0)
            return -1;
        if (len == 0)
            return 0;
        if (fs_write_all(child_stdin(child), chunk, len, e) < 0)
            return err_wrap(e, "%s stopped reading", c->argv.items[0]);
        worker_progress(c->worker, c->step, done += len, c->total);
    }
}

int restore_command_stage(struct restore_command *c, restore_read *read, void *arg, struct err *e)
{
    struct child_spec spec = {.argv = (const char *const *)c->argv.items,
                              .want_stdin = true,
                              .keep_capabilities = true,
                              .pass_fd = -1};
    struct child *child = NULL;
    struct err why = {0};

    if (child_start(&child, &spec, e) < 0)
        return -1;
    int rc = feed(c, child, read, arg, e);
    /* end of file would look like success to it: after a failure it is killed instead */
    if (rc == 0 || (e != NULL && e->errnum == EPIPE)) {
        child_close_stdin(child);
        if (child_wait(child, NULL, &why) < 0) { /* its own words say more than EPIPE */
            rc = -1;
            if (e != NULL)
                *e = why;
        }
    }
    child_free(child);
    return rc;
}

void restore_command_free(struct restore_command *c)
{
    if (c == NULL)
        return;
    strlist_deinit(&c->argv);
    free(c->step);
    free(c);
}
