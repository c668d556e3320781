/* restore_tables.c — single tables out of a custom dump, as SQL text: the part that pg_restore does without
 * a server. */
#include <string.h>

#include "daemon/worker/restore_item.h"
#include "lib/postgres/restore.h"

char *restore_tables_text(const struct strlist *tables)
{
    struct buf out = BUF_INIT(4096);

    /* the buffer's bound only shortens a description */
    for (size_t i = 0; i < tables->count; i++) {
        _cleanup_free_ char *shown = str_printable(tables->items[i], strlen(tables->items[i]));
        (void)!buf_printf(&out, NULL, "%s%s",
                          i > 0               ? ", "
                          : tables->count > 1 ? "the tables "
                                              : "the table ",
                          shown);
    }
    return buf_take_string(&out);
}

int restore_tables_find(const struct restore_request *q, struct pg_program *ret, struct err *e)
{
    const char *bin_dir = q->source != NULL ? json_opt_string(q->source, "bin_dir", NULL) : NULL;
    int64_t version;

    if (json_get_i64(q->artifact->details, "server_version_num", 0, 10000000, &version, e) < 0)
        return err_wrap(e, "details of the dump");
    return pg_tool_find(PG_RESTORE, (int)version, bin_dir, ret, e);
}

static int read_dump(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct restore_tables *t = arg;

    if (t->read(t->arg, data, len, ret_len, e) < 0)
        return -1;
    t->done += *ret_len;
    return 0;
}

static bool tick(void *arg)
{
    struct restore_tables *t = arg;

    worker_progress(t->worker, t->step, t->done, t->total);
    return worker_cancelled(t->worker);
}

int restore_tables_write(struct restore_tables *t, int fd, struct err *e)
{
    const struct pg_load load = {.program = t->program,
                                 .custom = true,
                                 .output = fd,
                                 .tables = t->tables,
                                 .read = read_dump,
                                 .arg = t,
                                 .tick = tick,
                                 .tick_arg = t};

    if (pg_load(&load, e) < 0)
        return -1;
    return pg_load_check_text(fd, t->tables, e);
}
