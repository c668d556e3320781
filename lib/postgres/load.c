/* load.c — a dump into an empty database. The program may end before it has read all that we have;
 * then its own words count, not our broken pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "lib/base/child.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/postgres/query.h"
#include "lib/postgres/restore.h"

enum { CHUNK = 1 << 20, TICK_MS = 500 };

/* 0: written. 1: the program closed its end. */
static int write_chunk(const struct pg_load *l, int fd, const uint8_t *data, size_t len,
                       struct err *e)
{
    while (len > 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int n = poll(&p, 1, TICK_MS);
        if (l->tick != NULL && l->tick(l->tick_arg))
            return err_set(e, ERR_CANCELLED, "cancelled");
        if (n <= 0)
            continue;
        ssize_t put = io_write(fd, data, len);
        if (put < 0 && errno == EPIPE)
            return 1;
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return err_sys(e, ERR_IO, errno, "write to %s", l->program->path);
        if (put > 0) {
            data += put;
            len -= (size_t)put;
        }
    }
    return 0;
}

static int feed(const struct pg_load *l, int fd, struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    size_t len = 0;
    int rc = 0;

    do {
        if (l->read(l->arg, chunk, CHUNK, &len, e) < 0)
            return -1;
        rc = len > 0 ? write_chunk(l, fd, chunk, len, e) : 0;
    } while (rc == 0 && len > 0);
    return rc;
}

/* Wait for the end in steps: loading indexes goes on long after the last byte was taken. */
static int await_end(const struct pg_load *l, struct child *c, struct err *e)
{
    for (;;) {
        struct pollfd p = {.fd = child_stdout(c), .events = POLLIN};
        char unused[4096];
        if (l->tick != NULL && l->tick(l->tick_arg))
            return err_set(e, ERR_CANCELLED, "cancelled");
        if (poll(&p, 1, TICK_MS) > 0 && io_read(p.fd, unused, sizeof(unused)) == 0)
            return 0; /* it closed its output: it ends */
    }
}

static void make_arguments(const struct pg_load *l, struct strlist *argv)
{
    strlist_add(argv, l->program->path);
    strlist_add(argv, "--no-password");
    if (l->custom) {
        strlist_add(argv, "--exit-on-error");
        for (size_t i = 0; l->tables != NULL && i < l->tables->count; i++)
            strlist_addf(argv, "--table=%s", l->tables->items[i]);
    } else {
        strlist_add(argv, "--no-psqlrc");
        strlist_add(argv, "--quiet");
        strlist_add(argv, "--single-transaction");
        strlist_add(argv, "--set=ON_ERROR_STOP=1");
        strlist_add(argv, "--output=/dev/null");
        strlist_add(argv, "--file=-");
    }
    if (l->login != NULL)
        strlist_addf(argv, "--dbname=%s", l->login->conninfo);
    else
        strlist_addf(argv, "--file=/dev/fd/%d", l->output);
}

/* An error stands in logs and pings: what PostgreSQL quotes of the rows that it could not take does
 * not belong there. Cuts the text, in place, where that begins. */
static bool cut_quoted_rows(char *text)
{
    static const char *const begins[] = {" DETAIL:", " CONTEXT:", " STATEMENT:", " Command was:"};
    char *end = text + strlen(text), *at = strstr(text, "invalid input syntax for ");

    if (at != NULL && (at = strstr(at, ": \"")) != NULL)
        end = at;
    for (size_t i = 0; i < ARRAY_LEN(begins); i++)
        if ((at = strstr(text, begins[i])) != NULL && at < end)
            end = at;
    bool cut = *end != '\0';
    *end = '\0';
    return cut;
}

static int explain(struct child *c, const struct pg_load *l, struct err *e)
{
    const char *words = child_stderr(c);
    const char *advice = "";

    if (strstr(words, "role \"") != NULL && strstr(words, "does not exist") != NULL)
        advice = " (create the role first: globals.sql of the set has it, or createuser)";
    else if (strstr(words, "permission denied") != NULL || strstr(words, "must be") != NULL)
        advice = " (restore as a superuser: set restore_uri)";
    else if (strstr(words, "is not available") != NULL)
        advice = " (install the package of that extension on the server)";
    if (e == NULL)
        return -1;
    e->code = pg_child_error_code(words);
    /* the advice must survive the bound on an error's text, the words may be cut */
    _cleanup_free_ char *text = mem_strdup(e->text);
    bool cut = cut_quoted_rows(text);
    return err_set(e, e->code, "load with %s: %.600s%s%s", l->program->version, text,
                   cut ? " (the rows in question are in the server's log)" : "", advice);
}

int pg_load(const struct pg_load *l, struct err *e)
{
    struct strlist argv = {0};
    struct child *c = NULL;

    make_arguments(l, &argv);
    struct child_spec spec = {.argv = (const char *const *)argv.items,
                              .env = l->login != NULL ? (const char *const *)l->login->env.items
                                                      : NULL,
                              .want_stdin = true,
                              .want_stdout = true,
                              .pass_fd = l->login != NULL ? l->login->pass_fd : l->output};
    int rc = child_start(&c, &spec, e);
    if (rc == 0) {
        (void)fcntl(child_stdin(c), F_SETFL, O_NONBLOCK); /* so that cancelling is noticed */
        rc = feed(l, child_stdin(c), e);
        child_close_stdin(c);
    }
    if (rc >= 0)
        rc = await_end(l, c, e);
    if (rc >= 0 && child_wait(c, NULL, e) < 0)
        rc = explain(c, l, e);
    child_free(c);
    strlist_deinit(&argv);
    return rc < 0 ? -1 : 0;
}

static int no_such_table(const char *table, struct err *e)
{
    _cleanup_free_ char *shown = str_printable(table, strlen(table));

    return err_set(e, ERR_NOT_FOUND,
                   "the dump has no table \"%s\" (it is named without its schema)", shown);
}

int pg_load_check_tables(struct pg *p, const struct strlist *tables, struct err *e)
{
    for (size_t i = 0; i < tables->count; i++) {
        const char *const name[] = {tables->items[i]};
        _cleanup_free_ char *found = NULL;
        if (pg_query_value(p,
                           "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relname = $1",
                           name, 1, &found, e) < 0)
            return -1;
        if (str_equal(found, "0"))
            return no_such_table(tables->items[i], e);
    }
    return 0;
}

/* 0: `needle` stands in the file; 1: it does not. */
static int find_text(int fd, const char *needle, struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    const size_t len = strlen(needle);
    int64_t at = 0;
    size_t got;

    do {
        if (fs_pread_full(fd, chunk, CHUNK, at, &got, e) < 0)
            return -1;
        if (memmem(chunk, got, needle, len) != NULL)
            return 0;
        at += (int64_t)(CHUNK - len); /* it may lie across two chunks */
    } while (got == CHUNK);
    return 1;
}

int pg_load_check_text(int fd, const struct strlist *tables, struct err *e)
{
    for (size_t i = 0; i < tables->count; i++) {
        _cleanup_free_ char *heading = mem_printf("\n-- Name: %s; Type: ", tables->items[i]);
        int rc = find_text(fd, heading, e);
        if (rc != 0)
            return rc < 0 ? -1 : no_such_table(tables->items[i], e);
    }
    return 0;
}
