/* rolling.c — see rolling.h.
 *
 * The happy path is: a tick finds that a job's moment has come and that something is to be read; a
 * verification is triggered, its checks are planned from the same decision when it begins, and what
 * it has read is journalled. Possible failure modes: a destination is away, the daemon stops, a restore
 * begins: the portion stays owed, since everything is decided from what was read. */
#include "daemon/rolling.h"

#include <string.h>

#include "daemon/daemon.h"
#include "daemon/record.h"
#include "daemon/restores.h"
#include "daemon/set_json.h"
#include "lib/schedule/rolling.h"

enum {
    SET_BYTES_LEAST = 4096, /* manifest and texts, which no source counts */
    BETWEEN_S = 20 * 3600,  /* a repository serves several jobs: one portion a day */
    GRACE_S = 36 * 3600,    /* the first portion may take so long to come */
    WHOLE_MAX = 64 << 20    /* bytes of a set that is not worth being read in parts of 16 MiB */
};

struct stock { /* what lies at one destination */
    struct rolling_piece *pieces;
    struct run_check *checks; /* one for each piece; names borrowed from the catalog */
    size_t count;
};

static void stock_deinit(struct stock *s)
{
    free(s->pieces);
    free(s->checks);
}

static void add(struct stock *s, struct rolling_piece piece, struct run_check check)
{
    s->pieces = mem_resize_array(s->pieces, s->count + 1, sizeof(*s->pieces));
    s->checks = mem_resize_array(s->checks, s->count + 1, sizeof(*s->checks));
    s->pieces[s->count] = piece;
    s->checks[s->count++] = check;
}

static uint64_t weight(const struct set *s)
{
    uint64_t bytes = SET_BYTES_LEAST;

    for (size_t i = 0; i < s->source_count; i++)
        bytes += s->sources[i].stored_bytes;
    return bytes;
}

/* Of so many bytes, those of a part of all places; not 0. */
static uint64_t bytes_of(uint64_t places, uint64_t all)
{
    uint64_t bytes = (uint64_t)((unsigned __int128)all * places / READ_PARTS_END);

    return bytes > 0 ? bytes : 1;
}

/* What of it is read is whole segments, as near to a day's portion as they come. */
static void add_set(struct stock *stock, const struct daemon *d, const char *job,
                    const struct set *s)
{
    const uint64_t bytes = weight(s);
    _cleanup_free_ struct read_part *parts = NULL;
    size_t count = catalog_read_parts(d->catalog, job, s, &parts);

    for (size_t i = 0; i < count; i++)
        add(stock,
            (struct rolling_piece){.bytes = bytes_of(parts[i].to - parts[i].from, bytes),
                                   .read = parts[i].read,
                                   .divisible = bytes > WHOLE_MAX},
            (struct run_check){.destination = s->destination,
                               .id = s->id,
                               .part = true,
                               .from = parts[i].from,
                               .to = parts[i].to});
}

static void add_sets(struct stock *stock, const struct daemon *d, const char *job,
                     const struct destination *dest)
{
    const struct catalog_job *known = catalog_job(d->catalog, job);

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        if (str_equal(s->destination, dest->name) && !s->damaged)
            add_set(stock, d, job, s);
    }
}

/* The oldest and the newest set there, of all configured jobs: NULL if there is none. */
static const struct set *outermost(const struct daemon *d, const struct destination *dest,
                                   bool newest, const struct job *only)
{
    const struct set *found = NULL;

    for (size_t i = 0; i < d->config->job_count; i++) {
        const struct job *job = d->config->jobs[i];
        const struct catalog_job *known = catalog_job(d->catalog, job->name);
        for (size_t k = 0; (only == NULL || only == job) && k < known->sets.count; k++) {
            const struct set *s = &known->sets.items[k];
            if (str_equal(s->destination, dest->name) &&
                (found == NULL || (s->started.us > found->started.us) == newest))
                found = s;
        }
    }
    return found;
}

/* Of what was never read by us all can be as old as the oldest set. */
static struct wall unread_since(const struct daemon *d, const struct destination *dest)
{
    const struct set *oldest = outermost(d, dest, false, NULL);

    return oldest != NULL ? oldest->finished : (struct wall){INT64_MAX};
}

/* `name`: a set of the job that runs, which verdicts are about. */
static void add_ranges(struct stock *stock, const struct daemon *d, const struct destination *dest,
                       const struct set *name)
{
    _cleanup_free_ struct read_part *ranges = NULL;
    size_t count = repositories_read_parts(history_repositories(d->history), dest->name,
                                           unread_since(d, dest), &ranges);

    for (size_t i = 0; i < count; i++)
        add(stock,
            (struct rolling_piece){
                .bytes = ranges[i].to - ranges[i].from, .read = ranges[i].read, .divisible = true},
            (struct run_check){.destination = name->destination,
                               .id = name->id,
                               .whole = true,
                               .part = true,
                               .from = ranges[i].from,
                               .to = ranges[i].to});
}

/* What of the job lies there; of a repository all that does. job NULL: of all jobs. */
static struct stock take_stock(const struct daemon *d, const struct destination *dest,
                               const struct job *job)
{
    struct stock stock = {0};
    const struct set *name = outermost(d, dest, true, job);

    if (destination_verify_within_s(dest) == 0 || name == NULL)
        return stock;
    if (dest->format == FORMAT_REPOSITORY)
        add_ranges(&stock, d, dest, name);
    for (size_t i = 0; i < d->config->job_count && dest->format != FORMAT_REPOSITORY; i++)
        if (job == NULL || job == d->config->jobs[i])
            add_sets(&stock, d, d->config->jobs[i]->name, dest);
    return stock;
}

/* Another job has read its portion of the repository today. */
static bool was_served(const struct stock *s, const struct destination *dest, struct wall now)
{
    for (size_t i = 0; i < s->count && dest->format == FORMAT_REPOSITORY; i++)
        if (s->pieces[i].read.us > now.us - (int64_t)BETWEEN_S * 1000000)
            return true;
    return false;
}

static uint64_t choose(const struct daemon *d, const struct destination *dest, struct stock *s)
{
    const struct wall now = clock_wall();

    if (s->count == 0 || was_served(s, dest, now) ||
        !catalog_destination(d->catalog, dest->name)->listed)
        return 0;
    return rolling_choose(s->pieces, s->count, destination_verify_within_s(dest), now);
}

/* --- when --- */

static struct wall end_of(const json_t *record)
{
    return record != NULL ? time_from_json(record, "time") : (struct wall){0};
}

/* Without having found anything: a place was away, somebody ended it. */
static bool came_to_nothing(const json_t *verification)
{
    return verification != NULL &&
           strcmp(json_opt_string(verification, "outcome", ""), run_outcome_word(OUTCOME_GOOD)) !=
               0 &&
           strcmp(json_opt_string(verification, "code", ""), err_word(ERR_DAMAGED)) != 0;
}

static uint32_t jitter_of(const struct daemon *d, const struct job *job)
{
    uint32_t hash = 0x811c9dc5U; /* FNV-1a */

    for (const char *p = d->owner; *p != '\0'; p++) /* machines share remote places */
        hash = (hash ^ (unsigned char)*p) * 0x01000193U;
    for (const char *p = job->name; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 0x01000193U;
    return hash ^ hash >> 16;
}

static bool is_time(const struct daemon *d, const struct job *job)
{
    const json_t *last = history_last_verify(d->history, job->name);
    struct planner_view view;
    const struct rolling_moment moment = {
        .now = clock_wall(),
        .up_since = d->started,
        .last = end_of(last),
        .last_failed = came_to_nothing(last),
        .last_run = end_of(history_last_run(d->history, job->name)),
        .busy =
            d->run_count > 0 || history_open_run(d->history, 0) != 0 || restores_any(d->restores),
        .jitter = jitter_of(d, job),
    };

    return rolling_is_time(&moment) &&
           planner_view(d->planner, job->name, moment.now, &view, NULL) == 0 && !view.paused;
}

static json_t *places_of(const struct daemon *d, const struct job *job)
{
    json_t *names = json_array();

    for (size_t i = 0; i < job->destination_count; i++) {
        struct stock s = take_stock(d, job->destinations[i], job);
        if (choose(d, job->destinations[i], &s) > 0)
            (void)json_array_append_new(names, json_string(job->destinations[i]->name));
        stock_deinit(&s);
    }
    return names;
}

static void ask(struct daemon *d, const struct job *job)
{
    const struct event event = {
        .kind = EVENT_TRIGGER, .job = job->name, .run_kind = RUN_VERIFY, .why = "daily portion"};
    json_t *places = places_of(d, job);
    struct err e = {0};

    _cleanup_json_ json_t *details =
        json_pack("{s:b,s:o}", "rolling", true, "destinations", places);
    if (json_array_size(places) > 0 && daemon_step(d, event, details, NULL, &e) < 0)
        log_error(d->log, "job \"%s\": daily portion: %s", job->name, e.text);
}

void rolling_look(struct daemon *d)
{
    if (d->stopping || clock_watch_in_doubt(&d->clock))
        return;
    for (size_t i = 0; i < d->config->job_count; i++)
        if (is_time(d, d->config->jobs[i]))
            ask(d, d->config->jobs[i]);
}

void rolling_yield(struct daemon *d)
{
    struct err why = {0};

    (void)err_set(&why, ERR_CANCELLED, "a restore began");
    for (size_t i = 0; i < d->run_count; i++)
        if (rolling_is_portion(d->runs[i]))
            run_cancel(d->runs[i], false, &why);
}

/* --- the run --- */

bool rolling_is_portion(const struct run *r)
{
    return r->kind == RUN_VERIFY && json_opt_bool(r->request, "rolling", false);
}

/* Where the first `take` bytes of a piece end, as a place. */
static uint64_t end_of_piece(const struct run_check *c, const struct rolling_piece *p)
{
    const uint64_t places = c->to - c->from;

    if (p->take == p->bytes)
        return c->to;
    return c->from + (uint64_t)(((unsigned __int128)places * p->take + p->bytes - 1) / p->bytes);
}

static void add_check(struct run *r, const struct run_check *c, uint64_t to)
{
    struct run_check *last = r->check_count > 0 ? &r->checks[r->check_count - 1] : NULL;

    if (last != NULL && last->to == c->from && strcmp(last->destination, c->destination) == 0 &&
        strcmp(last->id, c->id) == 0) {
        last->to = to;
        return;
    }
    r->checks = mem_resize_array(r->checks, r->check_count + 1, sizeof(*r->checks));
    r->checks[r->check_count] = *c;
    r->checks[r->check_count].destination = mem_strdup(c->destination);
    r->checks[r->check_count].id = mem_strdup(c->id);
    r->checks[r->check_count++].to = to;
}

/* Sets that are read from end to end get a verdict. */
static void note_whole_sets(struct run *r)
{
    for (size_t i = 0; i < r->check_count; i++) {
        struct run_check *c = &r->checks[i];
        c->part = c->whole || c->from > 0 || c->to < READ_PARTS_END;
    }
}

void rolling_plan(struct run *r)
{
    for (size_t i = 0; i < r->destination_count; i++) {
        const struct destination *dest = r->destinations[i].destination;
        struct stock s =
            r->destinations[i].out ? (struct stock){0} : take_stock(r->daemon, dest, r->job);
        if (choose(r->daemon, dest, &s) > 0)
            for (size_t k = 0; k < s.count; k++)
                if (s.pieces[k].take > 0)
                    add_check(r, &s.checks[k], end_of_piece(&s.checks[k], &s.pieces[k]));
        stock_deinit(&s);
    }
    note_whole_sets(r);
}

/* When the rest of a set was read, which no record of a part is about; of what lies there, for a repository. */
static struct wall rest_read(const struct run *r, const struct run_check *c,
                             const struct destination *dest)
{
    const struct set *s =
        catalog_find(catalog_job(r->daemon->catalog, r->job->name), c->destination, c->id);

    if (c->whole || s == NULL)
        return unread_since(r->daemon, dest);
    return s->verified.us > s->finished.us ? s->verified : s->finished;
}

void rolling_note_read(const struct run *r, const struct run_check *c)
{
    const struct destination *dest = config_destination(r->config, c->destination);
    const bool all = !c->part;

    if (dest == NULL)
        return;
    json_t *record = json_pack(
        "{s:s,s:I,s:s,s:I,s:I,s:o}", "type", RECORD_READ, "run", (json_int_t)r->number,
        "destination", c->destination, "from", (json_int_t)(all ? 0 : c->from), "to",
        (json_int_t)(all ? READ_PARTS_END : c->to), "since", time_to_json(rest_read(r, c, dest)));
    if (!c->whole)
        (void)json_object_update_new(record,
                                     json_pack("{s:s,s:s}", "job", r->job->name, "id", c->id));
    daemon_post(r->daemon, record, NULL, NULL);
}

/* --- status --- */

struct wall rolling_read_since(struct daemon *d, const struct destination *dest)
{
    struct stock s = take_stock(d, dest, NULL);
    struct wall oldest = rolling_oldest(s.pieces, s.count);

    stock_deinit(&s);
    return oldest;
}

/* Right after the start, and where this has only now been turned on, nothing could be done yet. */
static bool had_time(const struct daemon *d, const struct destination *dest)
{
    if (clock_wall().us - d->started.us > (int64_t)GRACE_S * 1000000)
        return true;
    for (size_t i = 0; i < d->config->job_count; i++) {
        const struct job *job = d->config->jobs[i];
        for (size_t k = 0; k < job->destination_count; k++)
            if (job->destinations[k] == dest &&
                end_of(history_last_verify(d->history, job->name)).us > d->started.us)
                return true;
    }
    return false;
}

bool rolling_is_late(struct daemon *d, const struct destination *dest, struct wall since)
{
    const int64_t within_us = destination_verify_within_s(dest) * 1000000;

    return since.us != INT64_MAX && !clock_watch_in_doubt(&d->clock) && had_time(d, dest) &&
           clock_wall().us - since.us > within_us;
}
