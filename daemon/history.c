#include "daemon/history.h"

#include <string.h>

#include "daemon/record.h"
#include "daemon/set_json.h"

enum { FAILURES_KEPT = 6 };

struct history {
    struct catalog *catalog;
    json_t **kept; /* in journal order */
    size_t count;
    int64_t last_run; /* highest number ever */
    struct repositories *repositories;
    /* what status asks for each job, so that it does not go through everything that is kept */
    json_t *last_runs, *last_verifies, *held, *known; /* by name of the job; values: the record */
    json_t *arrived;    /* by name of the job, by name of the destination: the id */
    int64_t *open_runs; /* queued and not finished, in order */
    size_t open_count;
};

struct history *history_new(struct catalog *catalog)
{
    struct history *h = mem_alloc(sizeof(*h));

    h->catalog = catalog;
    h->repositories = repositories_new();
    h->last_runs = json_object();
    h->last_verifies = json_object();
    h->held = json_object();
    h->known = json_object();
    h->arrived = json_object();
    return h;
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++)
        json_decref(h->kept[i]);
    json_decref(h->last_runs);
    json_decref(h->last_verifies);
    json_decref(h->held);
    json_decref(h->known);
    json_decref(h->arrived);
    repositories_free(h->repositories);
    free(h->open_runs);
    free(h->kept);
    free(h);
}

static const char *text(const json_t *record, const char *key)
{
    return json_opt_string(record, key, "");
}

static bool is(const json_t *record, const char *type)
{
    return strcmp(text(record, "type"), type) == 0;
}

static int64_t run_of(const json_t *record)
{
    return json_opt_i64(record, "run", 0);
}

static void keep(struct history *h, json_t *record)
{
    h->kept = mem_resize_array(h->kept, h->count + 1, sizeof(*h->kept));
    h->kept[h->count++] = json_incref(record);
}

typedef bool drop_test(const json_t *record, const void *arg);

static void drop_if(struct history *h, drop_test *test, const void *arg)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++)
        if (test(h->kept[i], arg))
            json_decref(h->kept[i]);
        else
            h->kept[n++] = h->kept[i];
    h->count = n;
}

/* --- which runs still matter --- */

static bool is_of_run(const json_t *record, const void *arg)
{
    return run_of(record) == *(const int64_t *)arg;
}

static enum run_outcome outcome_of(const json_t *record)
{
    int outcome = run_outcome_from_word(text(record, "outcome"));

    return outcome < 0 ? OUTCOME_FAILED : (enum run_outcome)outcome;
}

struct survey { /* of the finished runs of one job, newest first */
    unsigned covered;
    int failures;
    bool good_seen, verify_seen, other_seen;
};

/* A run matters if it is the newest good one of some tier, one of the failures behind the newest
 * good one, or the newest verification or manual part of a backup. */
static bool still_matters(struct survey *s, const json_t *finished)
{
    enum run_kind kind = record_kind_from_word(text(finished, "kind"));
    bool *seen = kind == RUN_VERIFY ? &s->verify_seen : &s->other_seen;
    unsigned tiers = tiers_from_json(json_object_get(finished, "tiers"));

    if (kind != RUN_BACKUP || json_opt_bool(finished, "fragment", false)) {
        bool first = !*seen;
        *seen = true;
        return first;
    }
    if (outcome_of(finished) != OUTCOME_GOOD)
        return !s->good_seen && s->failures++ < FAILURES_KEPT;
    bool matters = !s->good_seen || (tiers & ~s->covered) != 0;
    s->good_seen = true;
    s->covered |= tiers;
    return matters;
}

/* A run of the job to drop, 0 if all matter. */
static int64_t find_outlived_run(const struct history *h, const char *job)
{
    struct survey survey = {0};

    for (size_t i = h->count; i-- > 0;) {
        const json_t *r = h->kept[i];
        if (is(r, RECORD_RUN_FINISHED) && strcmp(text(r, "job"), job) == 0 &&
            !still_matters(&survey, r))
            return run_of(r);
    }
    return 0;
}

static void drop_outlived_runs(struct history *h, const char *job)
{
    int64_t run;

    while ((run = find_outlived_run(h, job)) != 0)
        drop_if(h, is_of_run, &run);
}

static bool is_open_run(const struct history *h, int64_t run)
{
    for (size_t i = 0; i < h->open_count; i++)
        if (h->open_runs[i] == run)
            return true;
    return false;
}

static void drop_job(struct history *h, const char *job)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++) {
        int64_t run = run_of(h->kept[i]);
        if (strcmp(text(h->kept[i], "job"), job) != 0 || is_open_run(h, run) ||
            is(h->kept[i], RECORD_HELD)) /* until somebody releases it */
            h->kept[n++] = h->kept[i];
        else
            json_decref(h->kept[i]);
    }
    h->count = n;
}

/* --- records that replace an older one --- */

struct same {
    const char *first, *second; /* types: one takes the place of the other */
    const char *key, *value;    /* NULL: whatever it is about */
};

static bool is_same(const json_t *record, const void *arg)
{
    const struct same *s = arg;

    return (is(record, s->first) || is(record, s->second)) &&
           (s->key == NULL || strcmp(text(record, s->key), s->value) == 0);
}

static void replace(struct history *h, json_t *record, const char *first, const char *second,
                    const char *key)
{
    const struct same same = {first, second, key, key != NULL ? text(record, key) : NULL};

    drop_if(h, is_same, &same);
    keep(h, record);
}

static void note_marker(struct history *h, json_t *record)
{
    catalog_set_marker(h->catalog, text(record, "destination"), text(record, "marker_id"));
    replace(h, record, RECORD_DESTINATION_KNOWN, RECORD_ADOPTED, "destination");
}

static void note_sequence(struct history *h, const char *job, int64_t sequence)
{
    struct catalog_job *known = catalog_job(h->catalog, job);

    if (sequence > known->last_sequence)
        known->last_sequence = sequence;
}

static void note_verified(struct history *h, const json_t *record)
{
    catalog_note_verified(h->catalog, text(record, "job"), text(record, "destination"),
                          text(record, "id"), time_from_json(record, "time"),
                          !json_opt_bool(record, "ok", false));
}

/* Ids begin with the time: the greater, the newer. */
static void note_arrival(struct history *h, const char *job, const char *destination,
                         const char *id)
{
    json_t *places = json_object_get(h->arrived, job);

    if (places == NULL) {
        places = json_object();
        (void)json_object_set_new(h->arrived, job, places);
    }
    if (id[0] != '\0' && strcmp(json_opt_string(places, destination, ""), id) < 0)
        (void)json_object_set_new(places, destination, json_string(id));
}

static void note_arrivals(struct history *h, const json_t *finished)
{
    json_t *o;
    size_t i;

    if (record_kind_from_word(text(finished, "kind")) != RUN_BACKUP ||
        outcome_of(finished) != OUTCOME_GOOD)
        return;
    json_array_foreach(json_object_get(finished, "destinations"), i, o)
    {
        if (json_opt_bool(o, "ok", false))
            note_arrival(h, text(finished, "job"), text(o, "destination"), text(finished, "id"));
    }
}

static void arrivals_from_json(struct history *h, const json_t *arrived)
{
    const char *job, *destination;
    json_t *places, *id;

    json_object_foreach((json_t *)arrived, job, places)
    {
        json_object_foreach(places, destination, id)
        {
            if (json_is_string(id))
                note_arrival(h, job, destination, json_string_value(id));
        }
    }
}

static void note_checkpoint(struct history *h, json_t *record)
{
    json_t *inner, *value;
    const char *job;
    size_t i;

    json_array_foreach(json_object_get(record, "records"), i, inner) history_note(h, inner);
    json_object_foreach(json_object_get(record, "sequences"), job, value)
        note_sequence(h, job, json_integer_value(value));
    arrivals_from_json(h, json_object_get(record, "arrived"));
    catalog_verified_from_json(h->catalog, json_object_get(record, "verified"));
    repositories_from_json(h->repositories, json_object_get(record, "repositories"));
}

static void open_run(struct history *h, int64_t run)
{
    h->open_runs = mem_resize_array(h->open_runs, h->open_count + 1, sizeof(*h->open_runs));
    h->open_runs[h->open_count++] = run;
}

static void close_run(struct history *h, int64_t run)
{
    size_t n = 0;

    for (size_t i = 0; i < h->open_count; i++)
        if (h->open_runs[i] != run)
            h->open_runs[n++] = h->open_runs[i];
    h->open_count = n;
}

/* A run of that kind that began and ended: not one that was dropped from the queue. */
static bool is_whole_run(const json_t *finished, enum run_kind kind)
{
    return record_kind_from_word(text(finished, "kind")) == kind &&
           json_object_get(finished, "destinations") != NULL;
}

/* Keep the short answers in step with the records. */
static void index_record(struct history *h, json_t *record)
{
    const char *job = text(record, "job");

    if (is(record, RECORD_RUN_QUEUED)) {
        open_run(h, run_of(record));
    } else if (is(record, RECORD_RUN_FINISHED)) {
        close_run(h, run_of(record));
        note_arrivals(h, record);
        if (is_whole_run(record, RUN_BACKUP))
            (void)json_object_set(h->last_runs, job, record);
        else if (is_whole_run(record, RUN_VERIFY))
            (void)json_object_set(h->last_verifies, job, record);
    } else if (is(record, RECORD_COPIED)) {
        note_arrival(h, job, text(record, "destination"), text(record, "id"));
    } else if (is(record, RECORD_HELD)) {
        (void)json_object_set(h->held, job, record);
    } else if (is(record, RECORD_RELEASED)) {
        (void)json_object_del(h->held, job);
    } else if (is(record, RECORD_JOB_KNOWN)) {
        (void)json_object_set(h->known, job, record);
    } else if (is(record, RECORD_JOB_GONE)) {
        (void)json_object_del(h->known, job);
        (void)json_object_del(h->last_runs, job);
        (void)json_object_del(h->last_verifies, job);
        (void)json_object_del(h->arrived, job);
    }
}

void history_note(struct history *h, json_t *record)
{
    const char *job = text(record, "job");

    index_record(h, record);

    if (run_of(record) > h->last_run)
        h->last_run = run_of(record);
    if (is(record, RECORD_CHECKPOINT)) {
        note_checkpoint(h, record);
    } else if (is(record, RECORD_JOB_KNOWN)) {
        replace(h, record, RECORD_JOB_KNOWN, RECORD_JOB_KNOWN, "job");
    } else if (is(record, RECORD_JOB_GONE)) {
        drop_job(h, job);
        repositories_forget_job(h->repositories, job);
    } else if (is(record, RECORD_RUN_QUEUED) || is(record, RECORD_RUN_STARTED) ||
               is(record, RECORD_RUN_RESULT)) {
        keep(h, record);
    } else if (is(record, RECORD_SET_BEGUN)) {
        note_sequence(h, job, json_opt_i64(record, "sequence", 0));
        keep(h, record);
    } else if (is(record, RECORD_RUN_FINISHED)) {
        keep(h, record);
        drop_outlived_runs(h, job);
    } else if (is(record, RECORD_PAUSED) || is(record, RECORD_RESUMED)) {
        replace(h, record, RECORD_PAUSED, RECORD_RESUMED, "job");
    } else if (is(record, RECORD_HELD) || is(record, RECORD_RELEASED)) {
        replace(h, record, RECORD_HELD, RECORD_RELEASED, "job");
    } else if (is(record, RECORD_DESTINATION_KNOWN) || is(record, RECORD_ADOPTED)) {
        note_marker(h, record);
    } else if (is(record, RECORD_VERIFIED)) {
        note_verified(h, record);
    } else if (is(record, RECORD_HEADS)) {
        repositories_note_heads(h->repositories, record);
    } else if (is(record, RECORD_READ) && json_object_get(record, "id") != NULL) {
        catalog_note_read(h->catalog, record);
    } else if (is(record, RECORD_READ)) {
        repositories_note_read(h->repositories, record);
    } else if (is(record, RECORD_TRACKED)) {
        repositories_note_tracked(h->repositories, record);
    } else if (is(record, RECORD_CLOCK_IN_DOUBT) || is(record, RECORD_CLOCK_TRUSTED)) {
        replace(h, record, RECORD_CLOCK_IN_DOUBT, RECORD_CLOCK_TRUSTED, NULL);
    }
}

json_t *history_checkpoint(const struct history *h)
{
    json_t *records = json_array(), *sequences = json_object();
    struct catalog_job *job;

    for (size_t i = 0; i < h->count; i++)
        (void)json_array_append(records, h->kept[i]);
    for (size_t i = 0; (job = catalog_job_at(h->catalog, i)) != NULL; i++)
        if (job->last_sequence > 0)
            (void)json_object_set_new(sequences, job->name, json_integer(job->last_sequence));
    return json_pack("{s:s,s:I,s:o,s:o,s:O,s:o,s:o}", "type", RECORD_CHECKPOINT, "run",
                     (json_int_t)h->last_run, "records", records, "sequences", sequences, "arrived",
                     h->arrived, "verified", catalog_verified_to_json(h->catalog), "repositories",
                     repositories_to_json(h->repositories));
}

/* --- questions --- */

const struct repositories *history_repositories(const struct history *h)
{
    return h->repositories;
}

const json_t *history_run_record(const struct history *h, int64_t run, const char *type)
{
    for (size_t i = h->count; i-- > 0;)
        if (run_of(h->kept[i]) == run && is(h->kept[i], type))
            return h->kept[i];
    return NULL;
}

const json_t *history_last_run(const struct history *h, const char *job)
{
    return json_object_get(h->last_runs, job);
}

const json_t *history_last_verify(const struct history *h, const char *job)
{
    return json_object_get(h->last_verifies, job);
}

const char *history_last_at(const struct history *h, const char *job, const char *destination)
{
    return json_opt_string(json_object_get(h->arrived, job), destination, NULL);
}

bool history_is_held(const struct history *h, const char *job)
{
    return json_object_get(h->held, job) != NULL;
}

bool history_knows_job(const struct history *h, const char *job)
{
    return json_object_get(h->known, job) != NULL;
}

const char *history_stray_job(const struct history *h, const struct config *c, size_t n)
{
    const char *job;
    json_t *record;

    json_object_foreach(h->known, job, record)
    {
        if (config_job(c, job) == NULL && n-- == 0)
            return job;
    }
    return NULL;
}

int64_t history_open_run(const struct history *h, size_t n)
{
    return n < h->open_count ? h->open_runs[n] : 0;
}

const json_t *history_clock(const struct history *h)
{
    for (size_t i = h->count; i-- > 0;)
        if (is(h->kept[i], RECORD_CLOCK_IN_DOUBT) || is(h->kept[i], RECORD_CLOCK_TRUSTED))
            return h->kept[i];
    return NULL;
}

/* --- replay --- */

/* 0: *ret is an event for the planner; 1: the record is none of its business. */
static int event_of(const json_t *record, struct event *ret)
{
    *ret = (struct event){.now = time_from_json(record, "time"),
                          .job = text(record, "job"),
                          .run = run_of(record),
                          .run_kind = record_kind_from_word(text(record, "kind")),
                          .tiers = tiers_from_json(json_object_get(record, "tiers")),
                          .fragment = json_opt_bool(record, "fragment", false)};
    if (is(record, RECORD_RUN_QUEUED)) {
        ret->kind = EVENT_RUN_QUEUED;
    } else if (is(record, RECORD_RUN_STARTED)) {
        ret->kind = EVENT_RUN_STARTED;
    } else if (is(record, RECORD_RUN_FINISHED)) {
        ret->kind = EVENT_RUN_FINISHED;
        ret->outcome = outcome_of(record);
    } else if (is(record, RECORD_PAUSED)) {
        ret->kind = EVENT_PAUSE;
        ret->until = time_from_json(record, "until");
    } else if (is(record, RECORD_RESUMED)) {
        ret->kind = EVENT_RESUME;
    } else if (is(record, RECORD_JOB_KNOWN)) {
        ret->kind = EVENT_TICK; /* its due times count from here on */
    } else {
        return 1;
    }
    return 0;
}

static int feed(struct planner *p, const struct event *event, struct err *e)
{
    struct actions nothing = {0};
    int rc = planner_step(p, event, &nothing, e);

    actions_deinit(&nothing); /* replay wants nothing done */
    return rc;
}

int history_feed(const struct history *h, struct planner *p, struct err *e)
{
    for (size_t i = 0; i < h->count; i++) {
        struct event event, cancel;
        if (event_of(h->kept[i], &event) != 0)
            continue;
        cancel = event;
        cancel.kind = EVENT_CANCEL;
        if (json_opt_bool(h->kept[i], "asked", false) && feed(p, &cancel, e) < 0)
            return -1;
        if (feed(p, &event, e) < 0)
            return err_wrap(e, "replay of journal record %lld",
                            (long long)json_opt_i64(h->kept[i], "seq", 0));
    }
    if (is_open_run(h, h->last_run))
        return 0;
    /* one that nobody remembers: the planner takes note of its number alone */
    const struct event last = {.kind = EVENT_RUN_FINISHED, .run = h->last_run, .job = ""};
    return feed(p, &last, e);
}
