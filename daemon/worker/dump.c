/* dump.c — the dump verb: the databases of one PostgreSQL server, and its globals beside them.
 *
 * The happy path is: connect, find pg_dump of the server's version, list the databases, dump the
 * globals, then each database: pg_dump's output goes through the walker, which checks that it is
 * whole, to the destinations. Failure modes: no server, no program, no rights (named before or
 * after pg_dump stumbles over it); a pg_dump that fails, dies, or stops early although it says
 * that all is well; all destinations gone. One database that fails makes the source not whole, the
 * others go on; if none is left, its error is the verb's. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/worker/outputs.h"
#include "daemon/worker/pg_source.h"
#include "lib/base/child.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/postgres/databases.h"
#include "lib/postgres/dump_stream.h"
#include "lib/postgres/locks.h"
#include "lib/postgres/properties.h"
#include "lib/postgres/rights.h"
#include "lib/postgres/tools.h"

enum { CHUNK = 1 << 20, SMALL = 128 << 10, TICK_MS = 500, GRACE_MS = 5000 };

struct dump {
    struct worker *worker;
    struct pg_source source;
    struct outputs *outputs;
    struct pg_program pg_dump, pg_dumpall;
    uint8_t *chunk;
    uint64_t done_bytes; /* of earlier artifacts */
    bool hopeless;       /* cancelled, or no destination is left: no use going on */
};

/* One stream from a child to an artifact. */
struct stream {
    struct dump *d;
    enum dump_kind kind;
    const char *step; /* "dump synapse" */
    struct child *child;
    struct dump_stream *walk;
};

/* 1: there is something to read. */
static int await_output(struct stream *s, struct err *e)
{
    struct pollfd p = {.fd = child_stdout(s->child), .events = POLLIN};

    for (;;) {
        int n = poll(&p, 1, TICK_MS);
        if (n < 0 && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "wait for pg_dump");
        if (worker_cancelled(s->d->worker)) {
            s->d->hopeless = true;
            return err_set(e, ERR_CANCELLED, "cancelled");
        }
        worker_progress(s->d->worker, s->step, s->d->done_bytes + dump_stream_bytes(s->walk), 0);
        if (n > 0)
            return 1;
    }
}

/* pg_dump writes 4 KiB at a time. Woken by each of them we would be switched to and fro all the
 * time; a millisecond later there is more, and the pipe has room for three. */
static void let_gather(size_t last)
{
    if (last < SMALL)
        clock_sleep_ms(1);
}

static int copy_output(struct stream *s, struct err *e)
{
    for (;;) {
        if (await_output(s, e) < 0)
            return -1;
        ssize_t n = io_read(child_stdout(s->child), s->d->chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "read from pg_dump");
        if (n == 0)
            return 0;
        if (dump_stream_feed(s->walk, s->d->chunk, (size_t)n, e) < 0)
            return -1;
        if (outputs_write(s->d->outputs, s->d->chunk, (size_t)n, e) < 0) {
            s->d->hopeless = true;
            return -1;
        }
        let_gather((size_t)n);
    }
}

/* Ask the child to end, so that it cancels its statement at the server, and wait a little. */
static void stop_child(struct stream *s)
{
    int64_t end = clock_mono().us / 1000 + GRACE_MS, left;

    child_signal(s->child, SIGTERM);
    while ((left = end - clock_mono().us / 1000) > 0) {
        struct pollfd p = {.fd = child_stdout(s->child), .events = POLLIN};
        if (poll(&p, 1, (int)left) > 0 && io_read(p.fd, s->d->chunk, CHUNK) <= 0)
            return;
    }
}

/* Exit status and walk both count; the child's own words say more, so they come first. */
static int check_whole(struct stream *s, struct err *e)
{
    if (child_wait(s->child, NULL, e) < 0) {
        if (e != NULL)
            e->code = pg_child_error_code(child_stderr(s->child));
        return -1;
    }
    const char *words = child_stderr(s->child);
    if (words[0] != '\0')
        worker_log(s->d->worker, WORKER_WARNING, "%s: %s", s->step, words);
    if (dump_stream_end(s->walk, e) < 0)
        return -1;
    if (s->kind == DUMP_KIND_SQL && pg_program_restricts(&s->d->pg_dump) &&
        !dump_stream_info(s->walk)->restricted)
        return err_set(e, ERR_SOURCE,
                       "the SQL text has no \\restrict line, which pg_dump %s writes: without it a "
                       "text that stops early cannot be told, and rows could be read as commands "
                       "(is %s PostgreSQL's own program?)",
                       s->d->pg_dump.version, s->d->pg_dump.path);
    return 0;
}

static int run_stream(struct stream *s, const struct strlist *argv, const struct pg_login *login,
                      const struct output_about *about, struct err *e)
{
    struct child_spec spec = {.argv = (const char *const *)argv->items,
                              .env = (const char *const *)login->env.items,
                              .want_stdout = true,
                              .pass_fd = login->pass_fd};

    s->walk = dump_stream_new(s->kind);
    /* first: it reads the catalog while repositories are being opened */
    if (child_start(&s->child, &spec, e) < 0)
        return -1;
    if (outputs_begin(s->d->outputs, about, e) < 0) {
        s->d->hopeless = true;
        stop_child(s);
        return -1;
    }
    if (copy_output(s, e) < 0) {
        stop_child(s);
        return -1;
    }
    return check_whole(s, e);
}

static void end_stream(struct stream *s)
{
    child_free(s->child);
    outputs_abort(s->d->outputs);
    dump_stream_free(s->walk);
}

static int finish_artifact(struct stream *s, json_t *details, struct err *e)
{
    struct dump *d = s->d;

    d->done_bytes += dump_stream_bytes(s->walk);
    if (outputs_end(d->outputs, details, e) == 0)
        return 0;
    d->hopeless = true;
    return -1;
}

static void add_arguments(struct strlist *argv, const char *option, const struct strlist *values)
{
    for (size_t i = 0; i < values->count; i++)
        strlist_addf(argv, "%s=%s", option, values->items[i]);
}

static void make_arguments(const struct dump *d, const struct pg_login *login, struct strlist *argv)
{
    const struct pg_source *s = &d->source;

    strlist_add(argv, d->pg_dump.path);
    strlist_add(argv, s->custom ? "--format=custom" : "--format=plain");
    if (s->custom)
        strlist_add(argv, "--compress=0"); /* the artifact is compressed as a whole */
    strlist_add(argv, "--no-password");
    strlist_addf(argv, "--lock-wait-timeout=%lld", (long long)s->lock_timeout_s * 1000);
    if (s->schema_only)
        strlist_add(argv, "--schema-only");
    add_arguments(argv, "--schema", &s->schemas);
    add_arguments(argv, "--exclude-table", &s->exclude_tables);
    add_arguments(argv, "--exclude-table-data", &s->exclude_table_data);
    strlist_addf(argv, "--dbname=%s", login->conninfo);
}

/* Takes properties. */
static json_t *make_details(const struct dump *d, struct pg *p, const struct pg_database *db,
                            json_t *properties, const struct dump_info *info)
{
    const struct pg_source *s = &d->source;
    json_t *o = json_pack("{s:o, s:i, s:s, s:o, s:b}", "server_version",
                          json_printable(pg_server_version_text(p)), "server_version_num",
                          pg_server_version(p), "pg_dump_version", d->pg_dump.version, "database",
                          pg_database_to_json(db), "schema_only", s->schema_only);

    (void)json_object_set_new(o, "properties", properties);
    (void)json_object_set_new(o, "schemas", json_from_strings(&s->schemas));
    (void)json_object_set_new(o, "exclude_tables", json_from_strings(&s->exclude_tables));
    (void)json_object_set_new(o, "exclude_table_data", json_from_strings(&s->exclude_table_data));
    if (s->custom)
        (void)json_object_set_new(o, "tables", json_integer(info->tables));
    return o;
}

/* What pg_dump stumbled over, said with the statement that mends it. */
static void explain_rights(struct dump *d, struct pg *p, struct err *e)
{
    struct strlist excluded = {0};
    struct pg_rights rights;
    struct err unused;

    if (strstr(e->text, "permission denied") == NULL && strstr(e->text, "row-level") == NULL &&
        strstr(e->text, "row security") == NULL)
        return;
    for (size_t i = 0; i < d->source.exclude_tables.count; i++)
        strlist_add(&excluded, d->source.exclude_tables.items[i]);
    if (pg_rights_check(p, &excluded, &rights, &unused) == 0) {
        if (rights.count > 0)
            (void)err_set(e, ERR_SOURCE, "%s (%s)", rights.items[0].what, rights.items[0].fix);
        pg_rights_deinit(&rights);
    }
    strlist_deinit(&excluded);
}

/* Who held the lock that pg_dump gave up on, if it still does. */
static void explain_lock(struct dump *d, struct pg *p, struct err *e)
{
    struct strlist locks = {0};
    struct err unused;

    if (strstr(e->text, "LOCK TABLE") == NULL || strstr(e->text, "timeout") == NULL)
        return;
    bool known = pg_locks_list(p, 0, &locks, &unused) == 0 && locks.count > 0;
    (void)err_set(
        e, ERR_UNAVAILABLE, "a table stayed locked for longer than lock_timeout (%lld s)%s%s",
        (long long)d->source.lock_timeout_s, known ? ": " : "", known ? locks.items[0] : "");
    strlist_deinit(&locks);
}

static int dump_connected(struct dump *d, struct pg *p, const char *name, struct err *e)
{
    _cleanup_free_ char *shown = str_printable(name, strlen(name));
    _cleanup_free_ char *step = mem_printf("dump %s", shown);
    struct stream s = {
        .d = d, .kind = d->source.custom ? DUMP_KIND_CUSTOM : DUMP_KIND_SQL, .step = step};
    const struct output_about about = {.kind = d->source.custom ? "dump" : "sql", .database = name};
    struct pg_login login = {.pass_fd = -1};
    struct pg_database db = {0};
    struct strlist argv = {0};
    json_t *properties = NULL;

    int rc = pg_database_get(p, name, &db, e);
    if (rc == 1)
        rc = err_set(e, ERR_SOURCE, "it was dropped meanwhile");
    if (rc == 0)
        rc = pg_properties_read(p, name, &properties, e);
    if (rc == 0)
        rc = pg_login_make(p, name, &login, e);
    if (rc == 0) {
        make_arguments(d, &login, &argv);
        rc = run_stream(&s, &argv, &login, &about, e);
        if (rc < 0 && e->code == ERR_SOURCE)
            explain_rights(d, p, e);
        else if (rc < 0 && e->code == ERR_UNAVAILABLE)
            explain_lock(d, p, e);
    }
    if (rc == 0)
        rc = finish_artifact(
            &s, make_details(d, p, &db, TAKE(properties), dump_stream_info(s.walk)), e);
    end_stream(&s);
    strlist_deinit(&argv);
    pg_login_deinit(&login);
    pg_database_deinit(&db);
    json_decref(properties);
    return rc;
}

static int dump_database(struct dump *d, const char *name, struct err *e)
{
    struct pg *p = NULL;

    if (!str_is_utf8(name, strlen(name)))
        return err_set(e, ERR_SOURCE, "its name is not UTF-8 and fits in no manifest: rename it");
    if (pg_open(d->source.uri, name, &p, e) < 0)
        return -1;
    int rc = dump_connected(d, p, name, e);
    pg_close(p);
    return rc;
}

static int dump_globals(struct dump *d, struct pg *p, struct err *e)
{
    const struct output_about about = {.kind = "globals"};
    struct stream s = {.d = d, .kind = DUMP_KIND_GLOBALS, .step = "dump globals"};
    struct pg_login login = {.pass_fd = -1};
    struct strlist argv = {0};
    bool superuser = false;

    int rc = pg_is_superuser(p, &superuser, e);
    if (rc == 0)
        rc = pg_login_make(p, pg_database_name(p), &login, e);
    if (rc == 0) {
        strlist_add(&argv, d->pg_dumpall.path);
        strlist_add(&argv, "--globals-only");
        strlist_add(&argv, "--no-password");
        strlist_addf(&argv, "--lock-wait-timeout=%lld", (long long)d->source.lock_timeout_s * 1000);
        if (!superuser) /* only a superuser may read pg_authid */
            strlist_add(&argv, "--no-role-passwords");
        strlist_addf(&argv, "--database=%s", pg_database_name(p));
        strlist_addf(&argv, "--dbname=%s", login.conninfo);
        rc = run_stream(&s, &argv, &login, &about, e);
    }
    if (rc == 0)
        rc =
            finish_artifact(&s,
                            json_pack("{s:o, s:i, s:s, s:b}", "server_version",
                                      json_printable(pg_server_version_text(p)),
                                      "server_version_num", pg_server_version(p), "pg_dump_version",
                                      d->pg_dumpall.version, "role_passwords", superuser),
                            e);
    if (rc == 0 && !superuser)
        outputs_note(d->outputs,
                     "globals: without the passwords of roles, which only a superuser may read");
    end_stream(&s);
    strlist_deinit(&argv);
    pg_login_deinit(&login);
    return rc;
}

static int find_programs(struct dump *d, struct pg *p, struct err *e)
{
    int version = pg_server_version(p);

    if (pg_tool_find(PG_DUMP, version, d->source.bin_dir, &d->pg_dump, e) < 0)
        return -1;
    return d->source.globals
               ? pg_tool_find(PG_DUMPALL, version, d->source.bin_dir, &d->pg_dumpall, e)
               : 0;
}

/* Note the failure of one part; the first one is kept for the case that nothing succeeds. */
static void note_failure(struct dump *d, const char *what, const struct err *why, struct err *first)
{
    outputs_problem(d->outputs, "%s: %s", what, why->text);
    if (first->code == ERR_NONE) {
        *first = *why;
        (void)err_wrap(first, "%s", what);
    }
}

static int dump_all(struct dump *d, struct pg *p, const struct strlist *databases, struct err *e)
{
    struct err first = {0}, why = {0};
    size_t good = 0;

    if (d->source.globals && dump_globals(d, p, &why) < 0)
        note_failure(d, "globals", &why, &first);
    for (size_t i = 0; i < databases->count && !d->hopeless; i++) {
        _cleanup_free_ char *what = mem_printf("database \"%s\"", databases->items[i]);
        if (dump_database(d, databases->items[i], &why) < 0)
            note_failure(d, what, &why, &first);
        else
            good++;
    }
    if (good > 0 && !d->hopeless)
        return 0;
    *e = d->hopeless ? why : first;
    return -1;
}

static int run_dump(struct dump *d, json_t **ret_result, struct err *e)
{
    struct strlist databases = {0}, skipped = {0};
    struct pg *p = NULL;

    int rc = pg_source_open(&d->source, &p, e);
    if (rc == 0)
        rc = find_programs(d, p, e);
    if (rc == 0)
        rc = pg_source_databases(&d->source, p, &databases, &skipped, e);
    for (size_t i = 0; rc == 0 && i < skipped.count; i++)
        outputs_note(d->outputs,
                     "database \"%s\" is left out: it bears the name that a restore gives to what "
                     "it makes or keeps (synbakctl status lists them; rename it to have it dumped)",
                     skipped.items[i]);
    if (rc == 0)
        rc = dump_all(d, p, &databases, e);
    if (rc == 0)
        rc = outputs_finish(d->outputs, ret_result, e);
    pg_close(p);
    strlist_deinit(&databases);
    strlist_deinit(&skipped);
    return rc;
}

int verb_dump(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct dump d = {.worker = w};
    json_t *source;

    if (json_get_object(job, "source", &source, e) < 0 || pg_source_read(source, &d.source, e) < 0)
        return -1;
    int rc = outputs_open(w, job, &d.outputs, e);
    if (rc == 0) {
        d.chunk = mem_alloc(CHUNK);
        rc = run_dump(&d, ret_result, e);
    }
    free(d.chunk);
    outputs_free(d.outputs);
    pg_program_deinit(&d.pg_dump);
    pg_program_deinit(&d.pg_dumpall);
    pg_source_deinit(&d.source);
    return rc;
}
