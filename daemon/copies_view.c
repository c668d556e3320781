/* copies_view.c — what is asked about copies: what is in use, what may still come, what is late. */
#include <string.h>

#include "daemon/copies_state.h"
#include "daemon/daemon.h"
#include "daemon/scan.h"
#include "daemon/set_json.h"
#include "daemon/status_problems.h"

enum { WARNING = 1, REASON_MAX = 512 };

static bool is_at_work(const struct lane *l)
{
    return l->state == LANE_WORKING || l->state == LANE_RECORDING;
}

static bool is_about(const struct lane *l, const char *job, const char *id)
{
    return is_at_work(l) && strcmp(l->job, job) == 0 && strcmp(l->id, id) == 0;
}

bool copies_use(const struct copies *c, const char *job, const char *id)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (is_about(c->lanes[i], job, id))
            return true;
    return false;
}

void copies_add_in_progress(const struct copies *c, json_t *array)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (is_at_work(c->lanes[i]))
            (void)json_array_append_new(array,
                                        json_sprintf("%s/%s", c->lanes[i]->job, c->lanes[i]->id));
}

/* --- may it still come by itself? --- */

static bool may_come(const struct copies *c, const struct owed *o)
{
    const struct daemon *d = c->daemon;
    const struct lane *l = copies_lane(c, o->to);

    if (o->late || o->failures > 0)
        return false;
    if (l != NULL && (is_about(l, o->job, o->id) || l->state == LANE_LISTING))
        return true;
    if (scan_goes_on(d->scans, o->to) || scan_goes_on(d->scans, o->from))
        return true;
    return o->startable && (l == NULL || !lane_is_cooling(l));
}

bool copies_pending(struct copies *c, const char *job, const char *id)
{
    copies_plan(c);
    for (size_t i = 0; i < c->owed_count; i++)
        if (strcmp(c->owed[i].job, job) == 0 && strcmp(c->owed[i].id, id) == 0 &&
            may_come(c, &c->owed[i]))
            return !c->stopping;
    return false;
}

/* The newest failure among those of the job to this destination. */
static const struct attempt *last_failure(const struct copies *c, const char *job, const char *to)
{
    const struct attempt *last = NULL;

    for (size_t i = 0; i < c->attempt_count; i++) {
        const struct attempt *a = &c->attempts[i];
        if (strcmp(a->job, job) == 0 && strcmp(a->to, to) == 0 &&
            (last == NULL || strcmp(a->id, last->id) > 0))
            last = a;
    }
    return last;
}

/* Why a set that is owed is not there, for people. */
static void why_missing(const struct copies *c, const char *job, const char *id, const char *to,
                        struct err *e)
{
    const struct attempt *a = copies_attempt(c, job, id, to);
    const struct attempt *other = last_failure(c, job, to);
    const struct catalog_destination *known = catalog_destination(c->daemon->catalog, to);

    if (a != NULL)
        *e = a->error;
    else if (known->listed && other != NULL)
        (void)err_set(e, ERR_LATE, "the copy of %s failed: %s", other->id, other->error.text);
    else if (!known->listed && known->problem.code != ERR_NONE)
        *e = known->problem;
    else
        (void)err_set(e, ERR_LATE, "it has not been copied yet");
    (void)err_wrap(e, "destination \"%s\"", to);
}

static json_t *missing_to_json(const struct copies *c, const char *job, const char *id,
                               const char *to)
{
    struct err e = {0};

    why_missing(c, job, id, to, &e);
    return json_pack("{s:s,s:b,s:I,s:o,s:s}", "destination", to, "ok", false, "bytes",
                     (json_int_t)0, "error", json_printable(e.text), "code", err_word(e.code));
}

static const json_t *entry_of(const json_t *destinations, const char *name)
{
    json_t *o;
    size_t i;

    json_array_foreach((json_t *)destinations, i, o)
    {
        if (strcmp(json_opt_string(o, "destination", ""), name) == 0)
            return o;
    }
    return NULL;
}

/* Of a place that has not been listed since start nobody knows what it is owed. */
static bool is_unknown(const struct copies *c, const char *job, const char *id, const char *name)
{
    const struct set *s = catalog_find(catalog_job(c->daemon->catalog, job), NULL, id);

    return s != NULL && !s->stays && !set_is_pre_restore(s) &&
           !catalog_destination(c->daemon->catalog, name)->known;
}

json_t *copies_complete(struct copies *c, const char *job_name, const char *id,
                        const json_t *destinations)
{
    const struct job *job = config_job(c->daemon->config, job_name);
    struct catalog_job *known = catalog_job(c->daemon->catalog, job_name);
    json_t *list = json_array();

    copies_plan(c);
    for (size_t i = 0; job != NULL && i < job->destination_count; i++) {
        const char *name = job->destinations[i]->name;
        const json_t *entry = entry_of(destinations, name);
        const struct set *s = catalog_find(known, name, id);
        const bool missing = copies_find_owed(c, job_name, id, name) != NULL ||
                             (entry == NULL && is_unknown(c, job_name, id, name));
        if (json_opt_bool(entry, "ok", false) || (s == NULL && !missing && entry != NULL))
            (void)json_array_append(list, (json_t *)entry);
        else if (s != NULL)
            (void)json_array_append_new(list, json_pack("{s:s,s:b,s:I,s:n,s:s,s:b}", "destination",
                                                        name, "ok", true, "bytes",
                                                        (json_int_t)set_bytes(s), "error", "code",
                                                        err_word(ERR_NONE), "copied", true));
        else if (missing)
            (void)json_array_append_new(list, missing_to_json(c, job_name, id, name));
    }
    return list;
}

/* --- status --- */

static json_t *copying_to_json(const struct lane *l, const char *job)
{
    json_int_t rate, left;

    if (l == NULL || !is_at_work(l) || strcmp(l->job, job) != 0)
        return json_null();
    int64_t us = clock_mono().us - l->began.us;
    rate = us > 0 ? (json_int_t)((double)l->done * 1e6 / (double)us) : 0;
    left = l->total > l->done && rate > 0 ? (l->total - l->done) / rate : -1;
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "id", l->id, "from", l->from, "step",
                     l->step, "done", (json_int_t)l->done, "total", (json_int_t)l->total,
                     "bytes_per_second", rate, "eta_s",
                     left >= 0 ? json_integer(left) : json_null(), "since", time_to_json(l->since));
}

static json_t *failed_to_json(const struct attempt *a)
{
    if (a == NULL)
        return json_null();
    return json_pack("{s:s,s:s,s:o,s:i,s:o}", "id", a->id, "code", err_word(a->error.code), "error",
                     json_printable(a->error.text), "failures", a->failures, "retry_at",
                     time_to_json(a->next_at));
}

static json_t *lag_to_json(const struct copies *c, const struct lag *lag)
{
    const struct destination *dest = config_destination(c->daemon->config, lag->destination);

    return json_pack("{s:s,s:s,s:s?,s:o,s:b,s:I,s:b,s:o,s:o}", "destination", lag->destination,
                     "feed", dest != NULL && destination_is_fed_live(dest) ? "live" : "copy",
                     "newest", lag->newest, "newest_at", time_to_json(lag->newest_at), "remembered",
                     lag->remembered, "lacks", (json_int_t)lag->lacks, "late", lag->late > 0,
                     "copying", copying_to_json(copies_lane(c, lag->destination), lag->job),
                     "failed", failed_to_json(last_failure(c, lag->job, lag->destination)));
}

json_t *copies_of_job(struct copies *c, const struct job *job)
{
    json_t *array = json_array();

    copies_plan(c);
    for (size_t i = 0; i < c->lag_count; i++)
        if (strcmp(c->lags[i].job, job->name) == 0)
            (void)json_array_append_new(array, lag_to_json(c, &c->lags[i]));
    return array;
}

static void add_problem(const struct copies *c, const struct lag *lag, struct problems *p)
{
    const struct attempt *a = last_failure(c, lag->job, lag->destination);
    char age[32] = "", reason[REASON_MAX] = "";

    if (a != NULL)
        (void)snprintf(reason, sizeof(reason), "; the last copy failed: %s", a->error.text);
    if (lag->remembered) {
        problems_add(
            p, WARNING,
            "destination \"%s\" is late: it has not answered since synbakd started, and the "
            "last good set known to have come there is %s old",
            lag->destination, str_duration((clock_wall().us - lag->newest_at.us) / 1000000, age));
        return;
    }
    if (lag->newest != NULL)
        (void)str_duration((clock_wall().us - lag->newest_at.us) / 1000000, age);
    problems_add(p, WARNING, "destination \"%s\" is late: it lacks %zu set%s, %s%s%s%s",
                 lag->destination, lag->lacks, lag->lacks == 1 ? "" : "s",
                 lag->newest != NULL ? "its newest good one is " : "it has no good one", age,
                 lag->newest != NULL ? " old" : "", reason);
}

void copies_problems(struct copies *c, const struct job *job, struct problems *p)
{
    copies_plan(c);
    for (size_t i = 0; i < c->lag_count; i++)
        if (strcmp(c->lags[i].job, job->name) == 0 && c->lags[i].late > 0)
            add_problem(c, &c->lags[i], p);
}
