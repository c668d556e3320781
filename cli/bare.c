#include "cli/bare.h"

#include <stdio.h>
#include <string.h>

#include "cli/bare_place.h"
#include "cli/judge.h"
#include "cli/place.h"
#include "cli/worker_run.h"
#include "lib/schedule/set.h"

enum { SIZE_DROP_DEFAULT = 50 }; /* of a job that no configuration here knows */

static void judge(struct cli *c, const json_t *by_job)
{
    const char *name;
    json_t *sets;

    json_object_foreach((json_t *)by_job, name, sets)
    {
        const struct job *job = c->config != NULL ? config_job(c->config, name) : NULL;
        judge_sets(sets, job != NULL ? job->size_drop_percent : SIZE_DROP_DEFAULT);
    }
}

/* What lies there of one job, or of all for NULL; of one set, or of all for NULL. */
static int scan_place(struct cli *c, const json_t *store, const char *job, const char *id,
                      json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *jobs = json_array(), *ids = json_array();

    if (job != NULL)
        (void)json_array_append_new(jobs, json_printable(job));
    if (id != NULL)
        (void)json_array_append_new(ids, json_printable(id));
    const struct worker_run run = {.screen = &c->screen,
                                   .quiet = true,
                                   .job = json_pack("{s:s, s:O, s:O, s:O, s:[], s:i}", "verb",
                                                    "scan", "store", store, "jobs", jobs, "ids",
                                                    ids, "in_progress", "sweep_age_s", 0)};
    return worker_run(&run, ret, e);
}

int bare_scan(struct cli *c, const json_t *store, const char *job, json_t **ret, struct err *e)
{
    if (scan_place(c, store, job, NULL, ret, e) < 0)
        return -1;
    judge(c, json_object_get(*ret, "sets"));
    return 0;
}

/* Whole, and no copy of a state that somebody wanted to be rid of. */
static bool is_whole(const json_t *set)
{
    json_t *tier;
    size_t i;

    json_array_foreach(
        json_object_get(set, "tiers"), i,
        tier) if (str_equal(json_string_value(tier), tier_word(TIER_PRE_RESTORE))) return false;
    return !json_opt_bool(set, "incomplete", false) && !json_opt_bool(set, "fragment", false);
}

/* Of those that are in `state`, or in any for NULL. */
static const char *newest_whole(const json_t *sets, const char *state)
{
    const char *id = NULL;
    int64_t highest = -1;
    json_t *set;
    size_t i;

    json_array_foreach(sets, i, set)
    {
        int64_t sequence = json_opt_i64(set, "sequence", 0);
        if (is_whole(set) && sequence > highest &&
            (state == NULL || str_equal(json_opt_string(set, "state", NULL), state))) {
            highest = sequence;
            id = json_opt_string(set, "id", NULL);
        }
    }
    return id;
}

/* The job that is meant: the named one, or the only one there. */
static int choose_job(const json_t *by_job, const char *job, const char *place, const char **ret,
                      struct err *e)
{
    struct strlist names = {0};
    const char *name;
    json_t *sets;
    int rc = 0;

    json_object_foreach((json_t *)by_job, name, sets) if (json_array_size(sets) > 0)
        strlist_add(&names, name);
    _cleanup_json_ json_t *list = json_from_strings(&names);
    _cleanup_free_ char *joined = join_strings(list, ", ");
    if (names.count == 0)
        rc = err_set(
            e, ERR_NOT_FOUND, "there is no set%s%s%s%s%s%s", job != NULL ? " of job \"" : "",
            job != NULL ? job : "", job != NULL ? "\"" : "", bare_is_place(place) ? " at " : "",
            bare_is_place(place) ? place : "",
            bare_is_place(place) ? " (is that the whole place, with its prefix or path?)" : "");
    else if (job == NULL && names.count > 1)
        rc = err_set(e, ERR_USAGE, "name the job, there are %zu: %s", names.count, joined);
    else if (job != NULL && !strlist_contains(&names, job))
        rc = err_set(e, ERR_NOT_FOUND, "there is no set of job \"%s\", but of: %s", job, joined);
    else
        *ret = json_object_iter_key(
            json_object_iter_at((json_t *)by_job, job != NULL ? job : names.items[0]));
    strlist_deinit(&names);
    return rc;
}

static int choose_set(const char *job, const json_t *sets, const char *id, const char *place,
                      const char **ret, struct err *e)
{
    _cleanup_free_ const char **ids = mem_alloc((json_array_size(sets) + 1) * sizeof(char *));
    size_t count = 0, i;
    json_t *set;

    json_array_foreach(sets, i, set) ids[count++] = json_opt_string(set, "id", "?");
    *ret = NULL;
    if (strcmp(id, "latest") == 0)
        *ret = newest_whole(sets, set_state_word(SET_GOOD));
    if (strcmp(id, "latest") == 0 && *ret == NULL)
        *ret = newest_whole(sets, NULL);
    for (i = 0; i < count && *ret == NULL; i++)
        if (strcmp(ids[i], id) == 0)
            *ret = ids[i];
    if (*ret != NULL)
        return 0;
    if (strcmp(id, "latest") == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "job \"%s\" has no whole set; name one of the others, the last is %s", job,
                       ids[count - 1]);
    const char *near = str_nearest(id, ids, count);
    return err_set(e, ERR_NOT_FOUND,
                   "job \"%s\" has no set \"%s\"; the nearest is %s (synbakctl list%s shows all)",
                   job, id, near != NULL ? near : ids[count - 1],
                   bare_is_place(place) ? " --destination PLACE, with the same options," : "");
}

/* A set that is there but does not open says why, instead of counting as not there. */
static int check_damaged(const json_t *scan, json_t *by_job, const char *job, const char *id,
                         struct err *e)
{
    bool any = false; /* some set does open */
    const json_t *found = NULL;
    const char *name;
    json_t *o, *sets;
    size_t i;

    json_object_foreach(by_job, name, sets) any |= json_array_size(sets) > 0;
    json_array_foreach(json_object_get(scan, "damaged"), i,
                       o) if ((job == NULL || str_equal(json_opt_string(o, "job", NULL), job)) &&
                              (any ? str_equal(json_opt_string(o, "id", NULL), id) : found == NULL))
        found = o;
    if (found == NULL)
        return 0;
    const char *error = json_opt_string(found, "error", "it does not open");
    _cleanup_free_ char *set = mem_printf("%s/%s: ", json_opt_string(found, "job", "?"),
                                          json_opt_string(found, "id", "?"));
    return err_set(e, err_from_word(json_opt_string(found, "code", "damaged")), "%s%s",
                   str_starts(error, set) ? "" : set, error);
}

int bare_reach(struct cli *c, const json_t *store, const char *job, const char *id, struct err *e)
{
    _cleanup_json_ json_t *scan = NULL;
    json_t *by_job, *set;
    size_t i;

    if (scan_place(c, store, job, id, &scan, e) < 0 ||
        json_get_object(scan, "sets", &by_job, e) < 0 ||
        check_damaged(scan, by_job, job, id, e) < 0)
        return -1;
    json_array_foreach(json_object_get(by_job, job), i,
                       set) if (str_equal(json_opt_string(set, "id", NULL), id)) return 0;
    return err_set(e, ERR_NOT_FOUND, "%s/%s is not there", job, id);
}

/* A far place answers for one set at once and for all of them slowly: the others are looked at only for
 * what must be chosen from them, or to say which one is near. */
int bare_find(struct cli *c, const json_t *store, const char *job, const char *id, char **ret_job,
              char **ret_id, struct err *e)
{
    _cleanup_json_ json_t *scan = NULL;
    json_t *by_job;
    const char *found_job = job, *found_id = id;
    struct err why = {.code = ERR_NOT_FOUND};

    if (job != NULL && strcmp(id, "latest") != 0 && bare_reach(c, store, job, id, &why) == 0)
        why.code = ERR_NONE;
    if (why.code != ERR_NONE && why.code != ERR_NOT_FOUND)
        return err_set(e, why.code, "%s", why.text);
    if (why.code == ERR_NOT_FOUND &&
        (bare_scan(c, store, job, &scan, e) < 0 || json_get_object(scan, "sets", &by_job, e) < 0 ||
         check_damaged(scan, by_job, job, id, e) < 0 ||
         choose_job(by_job, job, json_opt_string(store, "destination", ""), &found_job, e) < 0 ||
         choose_set(found_job, json_object_get(by_job, found_job), id,
                    json_opt_string(store, "destination", ""), &found_id, e) < 0))
        return -1;
    *ret_job = mem_strdup(found_job);
    *ret_id = mem_strdup(found_id);
    return 0;
}

/* A SET of the scan as a SETSTATUS of the daemon's. What only the daemon knows is left out. */
static json_t *as_status(const char *job, json_t *set, const char *destination)
{
    json_t *status = json_copy(set);
    int64_t bytes = 0, raw = 0;
    json_t *source;
    size_t i;

    json_array_foreach(json_object_get(set, "sources"), i, source)
    {
        bytes += json_opt_i64(source, "stored_bytes", 0);
        raw += json_opt_i64(source, "raw_bytes", 0);
    }
    (void)json_object_set_new(status, "raw_bytes", json_integer(raw));
    (void)json_object_set_new(status, "job", json_string(job));
    (void)json_object_set_new(status, "bytes", json_integer(bytes));
    (void)json_object_set_new(status, "destination", json_string(destination));
    return status;
}

/* Append what lies at one STORE to sets and damaged. */
static int add_store(struct cli *c, const json_t *store, const char *job, json_t *list,
                     json_t *damaged, struct err *e)
{
    const char *name, *where = json_opt_string(store, "destination", "?");
    _cleanup_json_ json_t *scan = NULL;
    json_t *by_job, *sets;

    if (bare_scan(c, store, job, &scan, e) < 0 || json_get_object(scan, "sets", &by_job, e) < 0)
        return -1;
    json_object_foreach(by_job, name, sets) for (size_t i = json_array_size(sets); i > 0; i--)(void)
        json_array_append_new(list, as_status(name, json_array_get(sets, i - 1), where));
    (void)json_array_extend(damaged, json_object_get(scan, "damaged"));
    return 0;
}

/* Of the configured destinations those that answer; why another does not is said. */
static int add_configured(struct cli *c, const char *wanted, const char *job, json_t *list,
                          json_t *damaged, struct err *e)
{
    bool any = false;

    (void)err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"",
                  wanted != NULL ? wanted : "");
    for (size_t i = 0; i < c->config->destination_count; i++) {
        const struct destination *d = c->config->destinations[i];
        _cleanup_json_ json_t *store = NULL;
        struct err why = {0};
        if (wanted != NULL && !str_equal(d->name, wanted))
            continue;
        if (place_store_of(c, d, &store, &why) == 0 &&
            add_store(c, store, job, list, damaged, &why) == 0) {
            any = true;
            continue;
        }
        *e = why;
        if (wanted != NULL || why.code == ERR_CANCELLED)
            return -1;
        place_note_not_looked_at(&why);
    }
    return any ? 0 : -1;
}

int bare_list(struct cli *c, const char *job, json_t **ret, struct err *e)
{
    const char *wanted = args_value(c->args, "--destination");
    _cleanup_json_ json_t *list = json_array(), *damaged = json_array();
    int rc = 0;

    if (wanted != NULL && bare_is_place(wanted)) {
        _cleanup_json_ json_t *store = NULL;
        if (place_store_of_bare(c, &store, e) < 0)
            return -1;
        rc = add_store(c, store, job, list, damaged, e);
    } else {
        rc = add_configured(c, wanted, job, list, damaged, e);
    }
    if (rc == 0)
        *ret = json_pack("{s:O, s:O}", "sets", list, "damaged", damaged);
    return rc;
}

/* The sets of bare_list by job, as a scan has them. */
static json_t *by_job_of(const json_t *list)
{
    json_t *by_job = json_object(), *set;
    size_t i;

    json_array_foreach(list, i, set)
    {
        const char *job = json_opt_string(set, "job", "?");
        if (json_object_get(by_job, job) == NULL)
            (void)json_object_set_new(by_job, job, json_array());
        (void)json_array_insert(json_object_get(by_job, job), 0, set);
    }
    return by_job;
}

int bare_show(struct cli *c, struct target *t, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *list = NULL, *by_job = NULL, *found = json_array();
    const char *job = NULL, *id = NULL, *place = args_value(c->args, "--destination");
    json_t *set;
    size_t i;

    if (bare_list(c, t->job, &list, e) < 0)
        return -1;
    by_job = by_job_of(json_object_get(list, "sets"));
    if (check_damaged(list, by_job, t->job, t->id, e) < 0 ||
        choose_job(by_job, t->job, place != NULL ? place : "", &job, e) < 0 ||
        choose_set(job, json_object_get(by_job, job), t->id, place != NULL ? place : "", &id, e) <
            0)
        return -1;
    json_array_foreach(json_object_get(by_job, job), i,
                       set) if (str_equal(json_opt_string(set, "id", NULL), id))(void)
        json_array_append(found, set);
    *ret = json_pack("{s:O}", "sets", found);
    return 0;
}
