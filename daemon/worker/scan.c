/* scan.c — the verb that lists what a destination holds, and sweeps what was never committed. */
#include <string.h>

#include "daemon/worker/scan_repository.h"
#include "daemon/worker/set_describe.h"
#include "daemon/worker/worker.h"
#include "lib/base/mem.h"
#include "lib/plain/marks.h"
#include "lib/plain/set_fetch.h"

struct scan {
    struct worker *worker;
    struct destination destination;
    struct marker marker;
    struct strlist jobs;        /* empty: all */
    struct strlist ids;         /* empty: all of them */
    struct strlist in_progress; /* "JOB/ID" */
    int64_t sweep_age_s;        /* 0: sweep nothing */
    json_t *sets, *damaged;
    struct scan_repository found; /* of a repository; without heads: there is none */
    size_t swept;
};

static void note_damaged(struct scan *s, const char *job, const char *id, const struct err *why)
{
    (void)json_array_append_new(s->damaged,
                                json_pack("{s:s,s:s,s:o,s:s}", "job", job, "id", id, "error",
                                          json_printable(why->text), "code", err_word(why->code)));
}

/* Marks that cannot be believed may have been a pin: keep the set rather than lose it. */
static void read_marks(struct scan *s, const char *job, const char *id, const struct mac_key *mac,
                       struct marks *ret)
{
    struct err why = {0};

    if (marks_read(s->destination.store, job, id, mac, ret, &why) == 0)
        return;
    worker_log(s->worker, WORKER_WARNING, "%s/%s is kept, its marks cannot be read: %s", job, id,
               why.text);
    *ret = (struct marks){.pinned = true,
                          .pin_reason = mem_printf("its marks cannot be read: %s", why.text)};
}

/* A medium that cannot be read there, or a set that is not what was written, is told of the set. A
 * store that does not answer says nothing about its sets. */
static bool is_finding(const struct err *why)
{
    return why->code == ERR_DAMAGED || why->code == ERR_KEY || why->code == ERR_FORMAT ||
           why->code == ERR_IO;
}

static int scan_set(struct scan *s, const char *job, const struct set_fetched *set, json_t *list,
                    struct err *e)
{
    const char *id = set->entry->id, *known = s->marker.id[0] != '\0' ? s->marker.id : NULL;
    struct err why = set->error;
    struct manifest m;
    struct marks marks = {0};
    const struct mac_key *mac;

    if (set->rc < 0 ||
        keyring_open(s->destination.ring, &set->bytes, job, id, known, &m, NULL, &mac, &why) < 0) {
        if (!is_finding(&why))
            return err_set(e, why.code, "%s", why.text);
        note_damaged(s, job, id, &why);
        return 0;
    }
    if (set->entry->marked)
        read_marks(s, job, id, mac, &marks);
    (void)json_array_append_new(list, set_describe(&m, &marks));
    marks_deinit(&marks);
    manifest_deinit(&m);
    return 0;
}

/* Old enough by its name and by the clock of the store, and nobody's work: then it is a remain. */
static int is_remain(struct scan *s, const char *job, const struct set_entry *entry, bool *ret,
                     struct err *e)
{
    _cleanup_free_ char *name = mem_printf("%s/%s", job, entry->id);
    _cleanup_free_ char *prefix =
        mem_printf("%s/%s%s/", job, entry->id, entry->folder ? "" : ".marks");
    struct wall begun, newest;
    int64_t limit = clock_wall().us - s->sweep_age_s * 1000000;

    *ret = false;
    if (strlist_contains(&s->in_progress, name) || clock_parse_set_id(entry->id, &begun) < 0 ||
        begun.us > limit)
        return 0;
    if (set_list_newest(s->destination.store, prefix, &newest, e) < 0)
        return -1;
    *ret = newest.us <= limit;
    return 0;
}

static int sweep_set(struct scan *s, const char *job, const struct set_entry *entry, struct err *e)
{
    bool remain = false;

    if (s->sweep_age_s == 0)
        return 0;
    if (is_remain(s, job, entry, &remain, e) < 0)
        return -1;
    if (!remain)
        return 0;
    if (manifest_delete_set(s->destination.store, job, entry->id, e) < 0)
        return -1;
    worker_log(s->worker, WORKER_INFO, "swept %s/%s, which was never committed", job, entry->id);
    s->swept++;
    return 0;
}

static int scan_sets(struct scan *s, const char *job, struct set_fetch *fetch, size_t count,
                     json_t *list, struct err *e)
{
    const struct set_fetched *set;

    for (size_t i = 0; (set = set_fetch_next(fetch)) != NULL; i++) {
        if (worker_cancelled(s->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(s->worker, "scan", i, count);
        bool committed = set->rc == 0 || set->error.code != ERR_NOT_FOUND;
        if ((committed ? scan_set(s, job, set, list, e) : sweep_set(s, job, set->entry, e)) < 0)
            return -1;
    }
    /* marks that could not be read are no news of a scan that was stopped */
    return worker_cancelled(s->worker) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

/* Where only some sets are asked for, the others cost no request. */
static size_t keep_wanted(const struct scan *s, struct set_entry *entries, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (s->ids.count == 0 || strlist_contains(&s->ids, entries[i].id))
            entries[kept++] = entries[i];
    return kept;
}

static int scan_job(struct scan *s, const char *job, struct err *e)
{
    _cleanup_free_ struct set_entry *entries = NULL;
    json_t *list = json_array();
    size_t count;

    (void)json_object_set_new(s->sets, job, list);
    if (set_list(s->destination.store, job, &entries, &count, e) < 0)
        return -1;
    count = keep_wanted(s, entries, count);
    struct set_fetch *fetch = set_fetch_new(s->destination.store, job, entries, count);
    int rc = scan_sets(s, job, fetch, count, list, e);
    set_fetch_free(fetch);
    return rc;
}

static int read_job(const json_t *job, struct scan *s, struct err *e)
{
    json_t *store;

    if (json_get_object(job, "store", &store, e) < 0 ||
        json_get_strings(job, "jobs", &s->jobs, e) < 0 ||
        json_get_strings(job, "in_progress", &s->in_progress, e) < 0 ||
        (json_object_get(job, "ids") != NULL && json_get_strings(job, "ids", &s->ids, e) < 0) ||
        json_get_i64(job, "sweep_age_s", 0, INT64_MAX / 2000000, &s->sweep_age_s, e) < 0)
        return -1;
    for (size_t i = 0; i < s->jobs.count; i++)
        if (!str_is_name(s->jobs.items[i]))
            return err_set(e, ERR_FORMAT, "\"jobs\" has something that is no name");
    return destination_open_for(s->worker, store, &s->destination, e);
}

/* Without an owner nobody claims anything: synbakctl looks, on a machine that need not be the one
 * that writes there, and a lost marker keeps no set from being found. Nor is a destination claimed
 * that nobody knows yet: its first run does that, since what is scanned may be the bare folder
 * below a file system that is not mounted yet. */
static int find_marker(struct scan *s, struct err *e)
{
    const struct destination *d = &s->destination;
    struct err why = {0};

    if (d->owner == NULL && s->sweep_age_s > 0)
        return err_set(e, ERR_FORMAT, "\"owner\" is missing: only it may sweep");
    int rc = marker_read(d->store, &s->marker, &why);
    if (rc < 0 && d->owner != NULL && why.code != ERR_NOT_FOUND) {
        *e = why; /* asked again it would say the same */
        return -1;
    }
    if (rc == 0 || (d->owner != NULL && d->known_id != NULL))
        return d->owner == NULL ? 0 : destination_claim(&s->destination, &s->marker, e);
    s->marker = (struct marker){0};
    s->sweep_age_s = 0;
    return 0;
}

/* Plain sets beside the objects of a repository would be nobody's: it lists only its own. */
static int check_plain(const struct scan *s, struct err *e)
{
    char id[REPOSITORY_ID_LEN * 2 + 1];
    int rc = repository_probe(s->destination.store, id, e);

    if (rc == 0)
        return err_set(e, ERR_REFUSED, "%s holds a repository: write format = repository",
                       store_place(s->destination.store));
    return rc < 0 ? -1 : 0;
}

static int list_plain(struct scan *s, struct err *e)
{
    if (check_plain(s, e) < 0)
        return -1;
    if (s->jobs.count == 0 && set_list_jobs(s->destination.store, &s->jobs, e) < 0)
        return -1;
    for (size_t i = 0; i < s->jobs.count; i++)
        if (scan_job(s, s->jobs.items[i], e) < 0)
            return -1;
    return 0;
}

static int list_repository(struct scan *s, struct err *e)
{
    s->found = (struct scan_repository){.jobs = &s->jobs, .ids = &s->ids, .sets = s->sets};
    for (size_t i = 0; i < s->jobs.count; i++)
        (void)json_object_set_new(s->sets, s->jobs.items[i], json_array());
    return scan_repository(&s->destination, &s->found, e);
}

static int scan_all(struct scan *s, struct err *e)
{
    size_t removed = 0;

    if (find_marker(s, e) < 0)
        return -1;
    if ((s->destination.repository ? list_repository(s, e) : list_plain(s, e)) < 0)
        return -1;
    if (s->sweep_age_s > 0 && store_sweep(s->destination.store, s->sweep_age_s, &removed, e) < 0)
        return -1;
    s->swept += removed;
    return 0;
}

int verb_scan(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct scan s = {.worker = w, .sets = json_object(), .damaged = json_array()};
    struct store_space space = {0};
    int rc = read_job(job, &s, e);

    if (rc == 0)
        rc = scan_all(&s, e);
    if (rc == 0)
        rc = store_space(s.destination.store, &space, e);
    if (rc == 0)
        *ret_result =
            json_pack("{s:s,s:O,s:O,s:I,s:I,s:I}", "marker_id", s.marker.id, "sets", s.sets,
                      "damaged", s.damaged, "swept", (json_int_t)s.swept, "total_bytes",
                      (json_int_t)space.total_bytes, "free_bytes", (json_int_t)space.free_bytes);
    if (rc == 0 && s.found.heads != NULL)
        (void)json_object_update_new(
            *ret_result, json_pack("{s:O,s:b,s:b,s:s,s:s}", "heads", s.found.heads, "may_read",
                                   s.found.may_read, "recovery_slot", s.found.recovery_slot,
                                   "repository", s.found.id, "slot", s.found.slot));
    json_decref(s.found.heads);
    json_decref(s.sets);
    json_decref(s.damaged);
    strlist_deinit(&s.jobs);
    strlist_deinit(&s.ids);
    strlist_deinit(&s.in_progress);
    destination_close(&s.destination);
    return rc;
}
