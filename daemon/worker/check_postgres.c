/* check_postgres.c — is the server there, are its programs, may the role read everything, would a
 * dump have to wait, how large will it be, and could it be restored. */
#include "daemon/worker/check.h"
#include "daemon/worker/pg_source.h"
#include "lib/postgres/databases.h"
#include "lib/postgres/locks.h"
#include "lib/postgres/rights.h"
#include "lib/postgres/tools.h"

static void add_rights(struct findings *f, enum finding_level level, const char *source,
                       const char *where, struct pg_rights *rights)
{
    for (size_t i = 0; i < rights->count; i++)
        findings_add(f, level, rights->items[i].fix, "source \"%s\": %s: %s", source, where,
                     rights->items[i].what);
    pg_rights_deinit(rights);
}

static void add_failure(struct findings *f, enum finding_level level, const char *source,
                        const struct err *why)
{
    findings_add(f, level, why->code == ERR_UNAVAILABLE ? "start it, or correct the uri" : "",
                 "source \"%s\": %s", source, why->text);
}

static void check_locks(struct findings *f, const struct pg_source *s, struct pg *p)
{
    struct strlist locks = {0};
    struct err why = {0};

    if (pg_locks_list(p, (int)s->lock_timeout_s, &locks, &why) < 0)
        add_failure(f, FINDING_WARNING, s->name, &why);
    for (size_t i = 0; i < locks.count; i++)
        findings_add(f, FINDING_WARNING, "end that transaction, or the dump gives up on it",
                     "source \"%s\": database \"%s\": %s", s->name, pg_database_name(p),
                     locks.items[i]);
    strlist_deinit(&locks);
}

static void check_database(struct findings *f, const struct pg_source *s, const char *name)
{
    _cleanup_free_ char *where = mem_printf("database \"%s\"", name);
    struct pg_database database = {0};
    struct pg_rights rights = {0};
    struct err why = {0};
    struct pg *p = NULL;

    if (pg_open(s->uri, name, &p, &why) < 0) {
        add_failure(f, FINDING_ERROR, s->name, &why);
        return;
    }
    if (pg_rights_check(p, &s->exclude_tables, &rights, &why) < 0)
        add_failure(f, FINDING_ERROR, s->name, &why);
    add_rights(f, FINDING_ERROR, s->name, where, &rights);
    check_locks(f, s, p);
    if (pg_database_get(p, name, &database, &why) == 0)
        findings_add_size(f, s->name, where, database.bytes);
    pg_database_deinit(&database);
    pg_close(p);
}

static void check_programs(struct findings *f, const struct pg_source *s, struct pg *p)
{
    static const enum pg_tool tools[] = {PG_DUMP, PG_DUMPALL, PG_RESTORE, PG_PSQL};
    struct pg_program program = {0};
    struct err why = {0};

    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        bool dumps = tools[i] == PG_DUMP || (tools[i] == PG_DUMPALL && s->globals);
        bool restores = tools[i] == (s->custom ? PG_RESTORE : PG_PSQL);
        if (!dumps && !restores)
            continue;
        int rc = pg_tool_find(tools[i], pg_server_version(p), s->bin_dir, &program, &why);
        if (rc == 0 && tools[i] == PG_PSQL)
            rc = pg_psql_is_safe(&program, &why);
        if (rc < 0)
            findings_add(f, dumps ? FINDING_ERROR : FINDING_WARNING, "install that package",
                         "source \"%s\": %s", s->name, why.text);
        pg_program_deinit(&program);
    }
}

static void check_globals(struct findings *f, const struct pg_source *s, struct pg *p)
{
    bool superuser = false;
    struct err why = {0};

    if (s->globals && pg_is_superuser(p, &superuser, &why) == 0 && !superuser)
        findings_add(f, FINDING_NOTE, "keep them elsewhere, or dump as a superuser",
                     "source \"%s\": the passwords of roles are not in the backup, because role "
                     "\"%s\" is no superuser",
                     s->name, pg_user(p));
}

/* As whoever asks: restores run with the caller's rights. */
static void check_restore_role(struct findings *f, const struct pg_source *s)
{
    struct pg_rights rights = {0};
    struct err why = {0};
    struct pg *p = NULL;

    if (pg_open(s->restore_uri, "postgres", &p, &why) < 0 ||
        pg_rights_check_restore(p, NULL, &rights, &why) < 0) {
        (void)err_wrap(&why, "restore");
        add_failure(f, FINDING_WARNING, s->name, &why);
    }
    add_rights(f, FINDING_WARNING, s->name, "restore", &rights);
    pg_close(p);
}

/* False: the server cannot be reached. */
static bool check_dump(struct findings *f, const struct pg_source *s)
{
    struct strlist databases = {0}, skipped = {0}; /* a run says what is skipped */
    struct err why = {0};
    struct pg *p = NULL;

    if (pg_source_open(s, &p, &why) < 0) {
        add_failure(f, FINDING_ERROR, s->name, &why);
        return false;
    }
    check_programs(f, s, p);
    check_globals(f, s, p);
    if (pg_source_databases(s, p, &databases, &skipped, &why) < 0)
        add_failure(f, FINDING_ERROR, s->name, &why);
    for (size_t i = 0; i < databases.count && !worker_cancelled(f->worker); i++)
        check_database(f, s, databases.items[i]);
    pg_close(p);
    strlist_deinit(&databases);
    strlist_deinit(&skipped);
    return true;
}

void check_postgres(struct findings *f, const json_t *source)
{
    const char *part = json_opt_string(source, "part", NULL);
    struct pg_source s;
    struct err why = {0};

    if (pg_source_read(source, &s, &why) < 0) {
        add_failure(f, FINDING_ERROR, json_opt_string(source, "name", "?"), &why);
        return;
    }
    bool there = str_equal(part, "restore") || check_dump(f, &s);
    if (there && !str_equal(part, "dump"))
        check_restore_role(f, &s);
    pg_source_deinit(&s);
}
