/* restore_database.c — bringing a database back: a new one beside the present one, then the swap.
 *
 * The happy path is: plan (look at the server, the present database, programs, rights, space);
 * stage (create NAME_synbak_new_RUN, load, ANALYZE, check, give it the settings of the present
 * one); swap (the present one becomes NAME_synbak_old_RUN, closed). Failure modes: whatever
 * PostgreSQL refuses while loading leaves the present one untouched, and free drops the staged one;
 * a connection lost during the swap is answered by looking, over a new one, which of the two
 * carries the name. Databases are known by their oid, which survives renaming, so an undo cannot
 * mistake one for the other. Globals only add the roles that are missing. */
#include <string.h>

#include "daemon/worker/restore_database.h"
#include "lib/postgres/globals.h"
#include "lib/postgres/properties.h"
#include "lib/postgres/swap.h"

enum { GLOBALS_MAX = 64 << 20 };

static bool keep_waiting(void *arg)
{
    struct restore_database *d = arg;

    worker_progress(d->worker, d->globals ? "restore roles" : "restore database", d->fed_bytes, 0);
    return worker_cancelled(d->worker);
}

int restore_database_open(struct restore_database *d, struct pg **ret, struct err *e)
{
    if (pg_open(d->uri, db_names_maintenance(&d->names), ret, e) < 0)
        return -1;
    pg_on_wait(*ret, keep_waiting, d);
    return 0;
}

/* --- staging --- */

static int read_plain(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct restore_database *d = arg;

    if (d->read(d->read_arg, data, len, ret_len, e) < 0)
        return -1;
    d->fed_bytes += *ret_len;
    return 0;
}

static int stage_globals(struct restore_database *d, struct err *e)
{
    struct buf text = BUF_INIT(GLOBALS_MAX);
    struct pg *p = NULL;
    size_t len = 1;
    int rc = 0;

    while (rc == 0 && len > 0) {
        rc = buf_reserve(&text, 64 << 10, e);
        if (rc == 0)
            rc = read_plain(d, text.data + text.len, 64 << 10, &len, e);
        if (rc == 0)
            text.len += len;
    }
    if (rc == 0)
        rc = restore_database_open(d, &p, e);
    struct strlist notes = {0};
    if (rc == 0)
        rc = pg_globals_apply(p, (const char *)text.data, text.len, &notes, e);
    for (size_t i = 0; i < notes.count; i++)
        worker_log(d->worker, WORKER_INFO, "%s", notes.items[i]);
    strlist_deinit(&notes);
    pg_close(p);
    buf_wipe(&text); /* it holds password hashes */
    return rc;
}

static int load(struct restore_database *d, struct pg *admin, struct err *e)
{
    struct pg_login login = {.pass_fd = -1};
    struct pg *p = NULL;

    int rc = pg_login_make(admin, d->names.staged, &login, e);
    if (rc == 0) {
        struct pg_load l = {.program = &d->program,
                            .custom = d->custom,
                            .login = &login,
                            .tables = d->only,
                            .read = read_plain,
                            .arg = d,
                            .tick = keep_waiting,
                            .tick_arg = d};
        rc = pg_load(&l, e);
    }
    pg_login_deinit(&login);
    if (rc == 0)
        rc = pg_open(d->uri, d->names.staged, &p, e);
    if (rc == 0) {
        pg_on_wait(p, keep_waiting, d);
        rc = pg_load_finish(p, d->tables, e);
        if (rc == 0)
            rc = pg_load_check_tables(p, d->only, e);
    }
    pg_close(p);
    return rc;
}

static int give_properties(struct restore_database *d, struct pg *admin, const json_t *properties,
                           struct err *e)
{
    struct strlist problems = {0};
    int rc = 0;

    if (json_is_object(properties))
        rc = pg_properties_apply(admin, d->names.staged, properties, &problems, e);
    for (size_t i = 0; i < problems.count; i++)
        worker_log(d->worker, WORKER_WARNING, "%s", problems.items[i]);
    strlist_deinit(&problems);
    return rc;
}

static int stage_in(struct restore_database *d, struct pg *admin, struct err *e)
{
    json_t *properties = json_incref(d->properties);
    char *note = NULL;
    int rc = 0;

    if (d->names.present_oid != 0) { /* those of now, not those of the day of the dump */
        json_decref(properties);
        properties = NULL;
        rc = pg_properties_read(admin, d->names.name, &properties, e);
    }
    if (rc == 0 && d->drop_first && d->names.present_oid != 0) {
        rc = pg_drop_database(admin, d->names.name, e);
        if (rc == 0)
            d->names.dropped = true;
    }
    if (rc == 0)
        rc = pg_database_create(admin, d->names.staged, &d->like, &note, e);
    if (rc == 0) {
        d->staged = true;
        rc = db_names_find_staged(&d->names, admin, e);
    }
    if (note != NULL)
        worker_log(d->worker, WORKER_WARNING, "%s", note);
    if (rc == 0)
        rc = load(d, admin, e);
    if (rc == 0)
        rc = give_properties(d, admin, properties, e);
    json_decref(properties);
    free(note);
    return rc;
}

int restore_database_stage(struct restore_database *d, restore_read *read, void *arg, struct err *e)
{
    struct pg *admin = NULL;

    d->read = read;
    d->read_arg = arg;
    if (d->globals)
        return stage_globals(d, e);
    int rc = restore_database_open(d, &admin, e);
    if (rc == 0)
        rc = stage_in(d, admin, e);
    pg_close(admin);
    return rc < 0 ? err_wrap(e, "restore database \"%s\"", d->names.name) : 0;
}

json_t *restore_database_record(const struct restore_database *d)
{
    if (d->globals)
        return NULL; /* roles that were added stay: databases may need them */
    struct db_names names = d->names;
    /* before staging: it will be dropped */
    names.dropped = names.dropped || (d->drop_first && names.present_oid != 0);
    json_t *record = db_names_to_json(&names);
    (void)json_object_set_new(record, "kind", json_string("database"));
    (void)json_object_set_new(record, "source", json_string(d->source));
    return record;
}

/* --- the swap --- */

/* Over a new connection: did it happen after all? 0: yes. */
static int settle_doubt(struct restore_database *d, struct err *e)
{
    struct err why = {0};
    struct pg *p = NULL;
    int rc = -1;

    if (restore_database_open(d, &p, &why) < 0)
        return err_wrap(e,
                        "afterwards the server could not be asked (%s); synbakctl restore --undo "
                        "puts things right; before that",
                        why.text);
    switch (db_names_state(&d->names, p, &why)) {
    case DB_SWAPPED:
        rc = 0;
        break;
    case DB_STAGED:
        (void)!pg_allow_connections(p, d->names.name, true, NULL);
        break;
    default:
        break;
    }
    pg_close(p);
    return rc;
}

static int swap_now(struct restore_database *d, struct pg *p, struct err *e)
{
    struct pg_database there = {0};

    if (d->names.present_oid != 0 && !d->names.dropped)
        return pg_swap(p, d->names.name, d->names.staged, d->names.aside, e);
    int rc = pg_database_get(p, d->names.name, &there, e);
    pg_database_deinit(&there);
    if (rc == 0)
        return err_set(e, ERR_EXISTS, "a database \"%s\" was made meanwhile", d->names.name);
    return rc < 0 ? -1 : pg_rename_alone(p, d->names.staged, d->names.name, e);
}

/* bytes: what is said where the server does not tell. */
static void describe_kept(struct pg *p, const char *name, uint64_t bytes, struct restore_kept *k)
{
    struct pg_database now = {0};

    k->bytes = bytes;
    if (pg_database_get(p, name, &now, NULL) == 0 && now.bytes > 0)
        k->bytes = now.bytes;
    pg_database_deinit(&now);
    k->place = mem_printf("database \"%s\" at %s", name, pg_place(p));
    k->remove = db_names_drop_command(name, p);
}

int restore_database_swap(struct restore_database *d, struct restore_kept *ret_kept, struct err *e)
{
    struct pg *p = NULL;

    *ret_kept = (struct restore_kept){0};
    if (d->globals)
        return 0;
    if (pg_open(d->uri, db_names_maintenance(&d->names), &p, e) < 0)
        return -1; /* nothing was touched */
    int rc = swap_now(d, p, e);
    if (rc < 0 && e != NULL && e->code == ERR_UNAVAILABLE)
        rc = settle_doubt(d, e);
    if (rc == 0) {
        d->swapped = true;
        if (d->names.present_oid != 0 && !d->names.dropped)
            describe_kept(p, d->names.aside, d->names.present_bytes, ret_kept);
    }
    pg_close(p);
    return rc;
}

bool restore_database_is_gone(const struct restore_database *d)
{
    return d != NULL && d->names.dropped && !d->swapped;
}

int restore_database_give_up(struct restore_database *d)
{
    struct pg *p = NULL;
    struct err why = {0};

    if (!d->staged || d->swapped)
        return 0;
    int rc = pg_open(d->uri, db_names_maintenance(&d->names), &p, &why);
    if (rc == 0)
        rc = db_names_drop_staged(&d->names, p, &why);
    if (rc < 0)
        worker_log(d->worker, WORKER_WARNING, "database \"%s\" was left behind: %s",
                   d->names.staged, why.text);
    d->staged = false;
    pg_close(p);
    return rc;
}

void restore_database_free(struct restore_database *d)
{
    if (d == NULL)
        return;
    (void)!restore_database_give_up(d);
    db_names_deinit(&d->names);
    pg_database_deinit(&d->like);
    pg_program_deinit(&d->program);
    json_decref(d->properties);
    if (d->uri != NULL)
        mem_wipe(d->uri, strlen(d->uri));
    free(d->uri);
    free(d->source);
    free(d->bin_dir);
    free(d);
}

/* --- undo --- */

int restore_database_undo(struct worker *w, const json_t *record, const json_t *source,
                          const char *uri, struct restore_kept *ret_kept, struct err *e)
{
    struct db_names names = {0};
    struct pg *p = NULL;
    bool kept = false;

    *ret_kept = (struct restore_kept){0};

    if (db_names_from_json(record, &names, e) < 0)
        return err_wrap(e, "record of the restore");
    if (source != NULL)
        uri = json_opt_string(source, "restore_uri", json_opt_string(source, "uri", uri));
    int rc = uri == NULL ? err_set(e, ERR_CONFIG,
                                   "no server is known for database \"%s\": name a configuration "
                                   "that has its source (--config)",
                                   names.name)
                         : pg_open(uri, db_names_maintenance(&names), &p, e);
    if (rc == 0)
        rc = db_names_undo(&names, p, &kept, e);
    if (rc == 0 && db_names_lost(&names, p))
        worker_log(w, WORKER_WARNING,
                   "database \"%s\" had been dropped to make room (--replace) and is gone: run the "
                   "same restore again",
                   names.name);
    if (rc == 0 && kept) {
        describe_kept(p, names.undone, 0, ret_kept);
        worker_log(w, WORKER_INFO, "the restored database is kept, closed: %s (remove it with: %s)",
                   ret_kept->place, ret_kept->remove);
    }
    pg_close(p);
    db_names_deinit(&names);
    return rc;
}
