#include "daemon/worker/restore_names.h"

#include <string.h>

#include "lib/postgres/databases.h"
#include "lib/postgres/rights.h"
#include "lib/postgres/swap.h"

void db_names_make(struct db_names *n, const char *name, const char *run, bool must_be_new)
{
    *n = (struct db_names){
        .name = mem_strdup(name),
        .staged = pg_side_name(name, "new", run),
        .aside = pg_side_name(name, "old", run),
        .undone = pg_side_name(name, "undone", run),
        .must_be_new = must_be_new,
    };
}

void db_names_deinit(struct db_names *n)
{
    free(n->name);
    free(n->staged);
    free(n->aside);
    free(n->undone);
    *n = (struct db_names){0};
}

json_t *db_names_to_json(const struct db_names *n)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b}", "name", n->name, "staged", n->staged,
                     "aside", n->aside, "undone", n->undone, "present_oid",
                     (json_int_t)n->present_oid, "staged_oid", (json_int_t)n->staged_oid, "dropped",
                     n->dropped);
}

int db_names_from_json(const json_t *o, struct db_names *ret, struct err *e)
{
    const char *name, *staged, *aside, *undone;
    int64_t present, made;

    if (json_get_string(o, "name", &name, e) < 0 || json_get_string(o, "staged", &staged, e) < 0 ||
        json_get_string(o, "aside", &aside, e) < 0 ||
        json_get_string(o, "undone", &undone, e) < 0 ||
        json_get_i64(o, "present_oid", 0, UINT32_MAX, &present, e) < 0 ||
        json_get_i64(o, "staged_oid", 0, UINT32_MAX, &made, e) < 0)
        return -1;
    *ret = (struct db_names){.name = mem_strdup(name),
                             .staged = mem_strdup(staged),
                             .aside = mem_strdup(aside),
                             .undone = mem_strdup(undone),
                             .present_oid = (uint32_t)present,
                             .staged_oid = (uint32_t)made,
                             .dropped = json_opt_bool(o, "dropped", false)};
    return 0;
}

const char *db_names_maintenance(const struct db_names *n)
{
    return n->name != NULL && str_equal(n->name, "postgres") ? "template1" : "postgres";
}

int db_names_find_present(struct db_names *n, struct pg *p, struct err *e)
{
    return pg_database_oid(p, n->name, &n->present_oid, e) < 0 ? -1 : 0;
}

int db_names_find_staged(struct db_names *n, struct pg *p, struct err *e)
{
    return pg_database_oid(p, n->staged, &n->staged_oid, e) < 0 ? -1 : 0;
}

int db_names_check_rights(const struct db_names *n, struct pg *p, bool replaces, char **ret_refusal,
                          struct err *e)
{
    struct pg_rights rights;

    if (pg_rights_check_restore(p, replaces ? n->name : NULL, &rights, e) < 0)
        return -1;
    if (rights.count > 0)
        *ret_refusal = mem_printf("%s (%s)", rights.items[0].what, rights.items[0].fix);
    pg_rights_deinit(&rights);
    return 0;
}

/* The present name of an oid; *ret NULL if there is none. */
static int name_of(struct pg *p, uint32_t oid, char **ret, struct err *e)
{
    *ret = NULL;
    if (oid == 0)
        return 0;
    return pg_database_of_oid(p, oid, ret, e) < 0 ? -1 : 0;
}

/* Killed before the staged one's oid was written down, only its name tells: ours alone, since a
 * restore does not begin when that name is taken. */
static int staged_now(const struct db_names *n, struct pg *p, char **ret, struct err *e)
{
    uint32_t oid;

    if (n->staged_oid != 0)
        return name_of(p, n->staged_oid, ret, e);
    *ret = NULL;
    int rc = pg_database_oid(p, n->staged, &oid, e);
    if (rc == 0)
        *ret = mem_strdup(n->staged);
    return rc < 0 ? -1 : 0;
}

enum db_state db_names_state(const struct db_names *n, struct pg *p, struct err *e)
{
    _cleanup_free_ char *now = NULL;

    if (staged_now(n, p, &now, e) < 0)
        return DB_UNKNOWN;
    if (now != NULL && str_equal(now, n->name))
        return DB_SWAPPED;
    return now != NULL && str_equal(now, n->staged) ? DB_STAGED : DB_GONE;
}

int db_names_drop_staged(const struct db_names *n, struct pg *p, struct err *e)
{
    _cleanup_free_ char *now = NULL;

    if (staged_now(n, p, &now, e) < 0)
        return -1;
    return now != NULL && str_equal(now, n->staged) ? pg_drop_database(p, n->staged, e) : 0;
}

/* The restored one goes aside, closed; the earlier one, if any was kept, comes back. */
static int swap_back(const struct db_names *n, struct pg *p, const char *present_now, struct err *e)
{
    if (present_now != NULL && !str_equal(present_now, n->aside))
        return err_set(e, ERR_REFUSED,
                       "the earlier database \"%s\" is called \"%s\" now, not \"%s\": rename it by "
                       "hand",
                       n->name, present_now, n->aside);
    if (present_now == NULL && n->present_oid != 0)
        return err_set(e, ERR_REFUSED,
                       "the earlier database \"%s\" does not exist any more%s, so it cannot come "
                       "back",
                       n->name, n->dropped ? " (it was dropped to make room)" : "");
    if (present_now != NULL)
        return pg_swap(p, n->name, n->aside, n->undone, e);
    if (pg_allow_connections(p, n->name, false, e) < 0)
        return -1;
    return pg_rename_alone(p, n->name, n->undone, e);
}

int db_names_undo(const struct db_names *n, struct pg *p, bool *ret_kept, struct err *e)
{
    _cleanup_free_ char *present = NULL;

    *ret_kept = false;
    if (name_of(p, n->present_oid, &present, e) < 0)
        return -1;
    switch (db_names_state(n, p, e)) {
    case DB_UNKNOWN:
        return -1;
    case DB_SWAPPED:
        if (swap_back(n, p, present, e) < 0)
            return -1;
        *ret_kept = true;
        break;
    case DB_STAGED:
        if (pg_drop_database(p, n->staged, e) < 0)
            return -1;
        break;
    case DB_GONE:
        break;
    }
    /* whatever happened, the present one is open again: a crash may have left it closed */
    return present != NULL ? pg_allow_connections(p, n->name, true, e) : 0;
}

bool db_names_lost(const struct db_names *n, struct pg *p)
{
    uint32_t oid;

    return n->dropped && pg_database_oid(p, n->name, &oid, NULL) == 1;
}

char *db_names_drop_command(const char *name, struct pg *p)
{
    _cleanup_free_ char *login = pg_tool_options(p), *quoted = str_shell_quote(name);

    return mem_printf("dropdb%s %s", login, quoted);
}
