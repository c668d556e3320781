#include "daemon/status_problems.h"

#include <stdarg.h>
#include <string.h>

#include "daemon/copies.h"
#include "daemon/ping.h"
#include "daemon/record.h"
#include "daemon/rolling.h"
#include "daemon/set_json.h"

enum { WARNING = 1, CRITICAL = 2, GROWTH_FACTOR = 3, DAMAGED_SHOWN = 3 };

void problems_add(struct problems *p, int level, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)json_array_append_new(p->texts, json_printable(text));
    if (level > p->level)
        p->level = level;
}

/* The newest good set is older than the job promises: by default twice its shortest interval. */
static bool too_old(const struct daemon *d, const struct job *job, const struct planner_view *view,
                    const struct set *latest, struct problems *p)
{
    int64_t rpo_s = job->rpo_s > 0 ? job->rpo_s : 2 * view->shortest_interval_s;
    int64_t age_s = (clock_wall().us - latest->started.us) / 1000000;
    char age[32], limit[32];

    if (rpo_s <= 0 || age_s <= rpo_s || clock_watch_in_doubt(&d->clock))
        return false;
    (void)str_duration(age_s, age);
    (void)str_duration(rpo_s, limit);
    problems_add(p, CRITICAL, "the newest good backup is %s old, more than %s (rpo)", age, limit);
    return true;
}

/* Nothing has ever become good although something should have. */
static void never_backed_up(struct daemon *d, const struct job *job,
                            const struct planner_view *view, struct problems *p)
{
    if (history_last_run(d->history, job->name) != NULL)
        problems_add(p, CRITICAL, "there is no good backup yet");
    else if (view->shortest_interval_s > 0)
        problems_add(p, WARNING, "never backed up");
}

static void last_run(struct daemon *d, const struct job *job, struct problems *p)
{
    const json_t *run = history_last_run(d->history, job->name);
    const char *outcome = json_opt_string(run, "outcome", "good");

    if (strcmp(outcome, run_outcome_word(OUTCOME_GOOD)) != 0 &&
        strcmp(outcome, run_outcome_word(OUTCOME_CANCELLED)) != 0)
        problems_add(p, WARNING, "the last run %s: %s",
                     strcmp(outcome, "failed") == 0 ? "failed" : outcome,
                     json_opt_string(run, "error", ""));
}

/* Of a verification that found damage the sets themselves tell. */
static void last_verify(struct daemon *d, const struct job *job, struct problems *p)
{
    const json_t *run = history_last_verify(d->history, job->name);

    if (strcmp(json_opt_string(run, "outcome", ""), run_outcome_word(OUTCOME_FAILED)) == 0 &&
        strcmp(json_opt_string(run, "code", ""), err_word(ERR_DAMAGED)) != 0)
        problems_add(p, WARNING, "the last verification failed: %s",
                     json_opt_string(run, "error", ""));
}

static void damaged_sets(const struct catalog_job *known, struct problems *p)
{
    int shown = 0;

    for (size_t i = 0; i < known->sets.count; i++)
        if (known->sets.items[i].damaged && shown++ < DAMAGED_SHOWN)
            problems_add(p, CRITICAL, "%s at \"%s\" is damaged: its last verification failed",
                         known->sets.items[i].id, known->sets.items[i].destination);
}

static const struct set *good_before(const struct catalog_job *known, const struct set *latest)
{
    const struct set *before = NULL;

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        if (s->state == SET_GOOD && !set_is_pre_restore(s) &&
            strcmp(s->destination, latest->destination) == 0 && s->sequence < latest->sequence &&
            (before == NULL || s->sequence > before->sequence))
            before = s;
    }
    return before;
}

static void size_jump(const struct catalog_job *known, const struct set *latest, struct problems *p)
{
    const struct set *before = good_before(known, latest);
    char now[16], then[16];

    if (before == NULL || latest->shares || set_bytes(before) == 0 ||
        set_bytes(latest) / GROWTH_FACTOR < set_bytes(before))
        return;
    problems_add(p, WARNING, "the newest backup has %s, the one before had %s",
                 str_bytes(set_bytes(latest), now), str_bytes(set_bytes(before), then));
}

static void queued_too_long(struct daemon *d, const struct job *job,
                            const struct planner_view *view, struct problems *p)
{
    struct wall since;
    char span[32];

    if (view->queued == 0 || job->queue_alarm_s <= 0)
        return;
    since = time_from_json(history_run_record(d->history, view->queued, RECORD_RUN_QUEUED), "time");
    if (since.us == 0 || clock_wall().us - since.us < job->queue_alarm_s * 1000000)
        return;
    (void)str_duration((clock_wall().us - since.us) / 1000000, span);
    problems_add(p, WARNING, "run %lld has been queued for %s", (long long)view->queued, span);
}

static bool were_looked_at(const struct daemon *d, const struct job *job)
{
    for (size_t i = 0; i < job->destination_count; i++)
        if (!catalog_destination(d->catalog, job->destinations[i]->name)->tried)
            return false;
    return true;
}

void problems_of_job(struct daemon *d, const struct job *job, const struct planner_view *view,
                     struct problems *p)
{
    struct catalog_job *known = catalog_job(d->catalog, job->name);
    const struct set *latest = sets_latest(&known->sets, NULL);
    const char *ping = ping_problem(d->pings, job->name);

    last_run(d, job, p);
    last_verify(d, job, p);
    if (latest == NULL && !were_looked_at(d, job)) {
        /* right after the start nobody knows yet */
    } else if (latest == NULL) {
        never_backed_up(d, job, view, p);
    } else {
        (void)too_old(d, job, view, latest, p);
        copies_problems(d->copies, job, p);
        size_jump(known, latest, p);
    }
    damaged_sets(known, p);
    queued_too_long(d, job, view, p);
    if (ping != NULL)
        problems_add(p, WARNING, "%s", ping);
}

static bool is_served_elsewhere(const struct daemon *d, const struct job *job,
                                const struct destination *dest)
{
    bool uses = false, elsewhere = false;

    for (size_t i = 0; i < job->destination_count; i++)
        if (job->destinations[i] == dest)
            uses = true;
        else
            elsewhere |= catalog_destination(d->catalog, job->destinations[i]->name)->listed;
    return elsewhere || !uses;
}

/* A remote place that does not answer while others take the sets: it catches up by itself, and when
 * it does not, it is late (copies.c). What is wrong with a key, an owner or the place stays
 * critical: no waiting mends it. */
static int level_of_problem(const struct daemon *d, const struct destination *dest,
                            const struct err *problem)
{
    if (!destination_is_remote(dest) ||
        (problem->code != ERR_UNAVAILABLE && problem->code != ERR_TIMEOUT))
        return CRITICAL;
    for (size_t i = 0; i < d->config->job_count; i++)
        if (!is_served_elsewhere(d, d->config->jobs[i], dest))
            return CRITICAL;
    return WARNING;
}

static void unread_for_too_long(struct daemon *d, const struct destination *dest,
                                struct problems *p)
{
    const struct wall since = rolling_read_since(d, dest);
    char age[32], within[32];

    if (!rolling_is_late(d, dest, since))
        return;
    problems_add(p, WARNING,
                 "destination \"%s\": some bytes have not been read for %s, more than %s "
                 "(verify_within)",
                 dest->name, str_duration((clock_wall().us - since.us) / 1000000, age),
                 str_duration(destination_verify_within_s(dest), within));
}

void problems_of_destination(struct daemon *d, const struct destination *dest, struct problems *p)
{
    const struct catalog_destination *known = catalog_destination(d->catalog, dest->name);
    json_t *item;
    size_t i;

    if (known->problem.code != ERR_NONE && known->problem.code != ERR_CANCELLED)
        problems_add(p, level_of_problem(d, dest, &known->problem), "destination \"%s\": %s",
                     dest->name, known->problem.text);
    if (known->listed && known->total_bytes > 0 &&
        known->free_bytes < known->total_bytes / 100 * dest->warn_free_percent) {
        char size[16];
        problems_add(p, WARNING, "destination \"%s\": only %s (%lld %%) free", dest->name,
                     str_bytes((uint64_t)known->free_bytes, size),
                     (long long)(known->free_bytes / (known->total_bytes / 100 + 1)));
    }
    if (known->listed && known->write_only && dest->deletes)
        problems_add(p, WARNING,
                     "destination \"%s\": the key at hand may only write, so retention deletes "
                     "nothing there: set delete = no, and prune with a key that may read elsewhere",
                     dest->name);
    if (known->listed && known->key_alone)
        problems_add(p, WARNING,
                     "destination \"%s\": nothing but the key of this machine opens the repository "
                     "(synbakctl key add --recovery --destination %s)",
                     dest->name, dest->name);
    unread_for_too_long(d, dest, p);
    json_array_foreach(known->damaged, i, item) if (i < DAMAGED_SHOWN)
        problems_add(p, CRITICAL, "destination \"%s\": %s/%s cannot be read: %s", dest->name,
                     json_opt_string(item, "job", ""), json_opt_string(item, "id", ""),
                     json_opt_string(item, "error", ""));
}

void problems_of_daemon(struct daemon *d, struct problems *p)
{
    if (clock_watch_in_doubt(&d->clock))
        problems_add(p, WARNING,
                     "%s: what goes by age waits (synbakctl clock-accept, if it is right)",
                     d->clock.why);
    if (d->reload_problem.code != ERR_NONE)
        problems_add(p, WARNING,
                     "the last reload was refused, the old configuration is in force: %s",
                     d->reload_problem.text);
    if (d->failure.code != ERR_NONE)
        problems_add(p, CRITICAL, "the journal cannot be written: %s", d->failure.text);
}
