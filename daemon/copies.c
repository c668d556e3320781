/* copies.c — see copies.h: which copy each lane takes next, and what follows when one is over.
 *
 * The happy path is: something changed, the plan is made anew, each idle lane takes what an operator
 * asked for, else the newest set that is owed to its destination; when it is recorded the set
 * enters the catalog, retention looks at that destination, and the lane takes the next.
 * Possible failure modes: those of copies_lane.c; the set, a place or the job is gone meanwhile:
 * what was asked for is refused, what was owed is so no more.
 * On close: lanes are cancelled, who waits is told. */
#include "daemon/copies_state.h"

#include <string.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/prune.h"
#include "daemon/record.h"

struct copies *copies_new(struct daemon *d)
{
    struct copies *c = mem_alloc(sizeof(*c));

    c->daemon = d;
    c->dirty = true;
    c->next_try.us = INT64_MAX;
    return c;
}

static void asked_deinit(struct asked *a)
{
    free(a->job);
    free(a->id);
    free(a->from);
    free(a->to);
}

void copies_free(struct copies *c)
{
    if (c == NULL)
        return;
    copies_drop_plan(c);
    while (c->attempt_count > 0)
        copies_forget_attempt(c, c->attempts[0].job, c->attempts[0].id, c->attempts[0].to);
    for (size_t i = 0; i < c->asked_count; i++)
        asked_deinit(&c->asked[i]);
    for (size_t i = 0; i < c->lane_count; i++)
        lane_free(c->lanes[i]);
    free(c->attempts);
    free(c->asked);
    free(c->lanes);
    free(c);
}

bool copies_idle(const struct copies *c)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (c->lanes[i]->state != LANE_IDLE)
            return false;
    return true;
}

/* --- what an operator asked for --- */

/* Who asked for this copy is answered; the list loses them. */
static void answer_asked(struct copies *c, const struct lane *l)
{
    for (size_t i = c->asked_count; i-- > 0;) {
        struct asked a = c->asked[i];
        if (strcmp(a.job, l->job) != 0 || strcmp(a.id, l->id) != 0 || strcmp(a.to, l->to) != 0)
            continue;
        c->asked[i] = c->asked[--c->asked_count];
        if (a.request != NULL && l->error.code != ERR_NONE)
            request_fail(a.request, &l->error);
        else if (a.request != NULL)
            request_reply(a.request,
                          json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b}", "job", l->job, "id", l->id,
                                    "destination", l->to, "from", l->from, "state", "copied",
                                    "bytes", (json_int_t)json_opt_i64(l->result, "stored_bytes", 0),
                                    "sent_bytes",
                                    (json_int_t)json_opt_i64(l->result, "sent_bytes", 0),
                                    "reencrypted", json_opt_bool(l->result, "reencrypted", false)));
        asked_deinit(&a);
    }
}

static void refuse_asked(struct copies *c, size_t i, enum err_code code, const char *why)
{
    struct asked a = c->asked[i];
    struct err e = {0};

    c->asked[i] = c->asked[--c->asked_count];
    (void)err_set(&e, code, "copy of %s/%s to \"%s\": %s", a.job, a.id, a.to, why);
    if (a.request != NULL)
        request_fail(a.request, &e);
    else
        log_warning(c->daemon->log, "%s", e.text);
    asked_deinit(&a);
}

/* The place that a wished-for set is read from; NULL: none has it any more. */
static const char *source_of(const struct copies *c, const struct asked *a)
{
    struct catalog *catalog = c->daemon->catalog;
    const struct catalog_job *known = catalog_job(catalog, a->job);
    const char *found = NULL;

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        const struct destination *dest = config_destination(c->daemon->config, s->destination);
        if (strcmp(s->id, a->id) != 0 || strcmp(s->destination, a->to) == 0 || s->damaged ||
            dest == NULL || !catalog_destination(catalog, s->destination)->listed ||
            (a->from != NULL && strcmp(a->from, s->destination) != 0))
            continue;
        if (found == NULL || destination_is_fed_live(dest))
            found = s->destination;
    }
    return found;
}

static bool take_asked(struct copies *c, struct lane *l)
{
    for (size_t i = 0; i < c->asked_count; i++) {
        const struct asked *a = &c->asked[i];
        if (strcmp(a->to, l->to) != 0)
            continue;
        const char *from = source_of(c, a);
        if (from != NULL && prune_is_removing(c->daemon->prunes, a->job, from, a->id))
            continue;
        if (from != NULL && lane_start(l, a->job, a->id, from))
            return true;
        refuse_asked(c, i--, ERR_NOT_FOUND, "no destination that can be read holds it undamaged");
    }
    return false;
}

static void add_asked(struct copies *c, const char *job, const char *id, const char *from,
                      const char *to, struct request *r)
{
    c->asked = mem_resize_array(c->asked, c->asked_count + 1, sizeof(*c->asked));
    c->asked[c->asked_count++] = (struct asked){.job = mem_strdup(job),
                                                .id = mem_strdup(id),
                                                .from = mem_strdup(from),
                                                .to = mem_strdup(to),
                                                .request = r};
}

void copies_ask(struct copies *c, struct request *r, const struct job *job, const char *id,
                const char *from, const char *to, bool wait)
{
    _cleanup_free_ char *own = mem_strdup(id); /* the catalog's may go */
    const struct lane *l;

    add_asked(c, job->name, own, from, to, wait ? r : NULL);
    copies_changed(c);
    if (wait)
        return;
    l = copies_lane(c, to);
    const bool works = l != NULL && l->state == LANE_WORKING && strcmp(l->job, job->name) == 0 &&
                       strcmp(l->id, own) == 0;
    request_reply(r, json_pack("{s:s,s:s,s:s,s:s?,s:s}", "job", job->name, "id", own, "destination",
                               to, "from", works ? l->from : from, "state",
                               works ? "copying" : "waiting"));
}

/* --- what is owed --- */

/* The newest first, whatever the job; at the same moment the job of higher priority. */
static bool goes_before(const struct owed *a, const struct owed *b)
{
    if (b == NULL || a->started.us != b->started.us)
        return b == NULL || a->started.us > b->started.us;
    return a->priority > b->priority;
}

static bool take_owed(struct copies *c, struct lane *l)
{
    const struct owed *best = NULL;

    if (lane_is_cooling(l))
        return false;
    for (size_t i = 0; i < c->owed_count; i++) {
        const struct owed *o = &c->owed[i];
        if (o->next && strcmp(o->to, l->to) == 0 && goes_before(o, best) &&
            !prune_is_removing(c->daemon->prunes, o->job, o->from, o->id))
            best = o;
    }
    return best != NULL && lane_start(l, best->job, best->id, best->from);
}

static void start(struct copies *c)
{
    for (size_t i = 0; i < c->daemon->config->destination_count; i++) {
        struct lane *l = copies_make_lane(c, c->daemon->config->destinations[i]->name);
        if (l->state == LANE_IDLE && !take_asked(c, l))
            (void)take_owed(c, l);
    }
}

void copies_look(struct copies *c)
{
    if (c->stopping)
        return;
    copies_plan(c);
    start(c);
    control_copies_changed(c->daemon->control);
}

void copies_changed(struct copies *c)
{
    c->dirty = true;
    copies_look(c);
}

void copies_place_is_back(struct copies *c, const char *destination)
{
    for (size_t i = c->attempt_count; i-- > 0;) {
        const struct attempt *a = &c->attempts[i];
        struct lane *l = copies_lane(c, a->to);
        if (strcmp(a->to, destination) != 0 && strcmp(a->from, destination) != 0)
            continue;
        if (l != NULL)
            l->not_before.us = 0;
        copies_forget_attempt(c, a->job, a->id, a->to);
    }
    c->dirty = true;
}

int64_t copies_wake_us(const struct copies *c)
{
    int64_t wake = c->next_try.us;

    for (size_t i = 0; i < c->lane_count; i++) {
        const struct lane *l = c->lanes[i];
        if (lane_is_cooling(l) && l->not_before.us < wake)
            wake = l->not_before.us;
    }
    return wake;
}

/* --- one is over --- */

void copies_lane_over(struct copies *c, struct lane *l)
{
    struct daemon *d = c->daemon;

    if (l->error.code == ERR_NONE) {
        copies_forget_attempt(c, l->job, l->id, l->to);
        catalog_add(d->catalog, l->job, &l->set);
        if (!c->stopping)
            prune_start(d, l->job);
    }
    answer_asked(c, l);
    c->dirty = true;
}

void copies_lane_progress(struct copies *c, const struct lane *l)
{
    for (size_t i = 0; i < c->asked_count; i++) {
        const struct asked *a = &c->asked[i];
        if (a->request != NULL && strcmp(a->job, l->job) == 0 && strcmp(a->id, l->id) == 0 &&
            strcmp(a->to, l->to) == 0)
            request_progress(a->request,
                             json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "job", l->job, "id", l->id,
                                       "destination", l->to, "step", l->step, "done",
                                       (json_int_t)l->done, "total", (json_int_t)l->total));
    }
    control_copy_progress(c->daemon->control, l->job, l->id, l->to, l->done, l->total);
}

/* --- reload and stop --- */

static bool is_still(const struct config *config, const char *name, const char *place)
{
    const struct destination *dest = config_destination(config, name);
    _cleanup_free_ char *now = dest != NULL ? destination_place(dest) : NULL;

    return now != NULL && strcmp(now, place) == 0;
}

void copies_reconfigured(struct copies *c)
{
    const struct config *config = c->daemon->config;

    for (size_t i = 0; i < c->lane_count; i++) {
        struct lane *l = c->lanes[i];
        if (l->state == LANE_WORKING &&
            (config_job(config, l->job) == NULL || !is_still(config, l->from, l->from_place) ||
             !is_still(config, l->to, l->to_place)))
            lane_drop(l, "the configuration has changed");
    }
    for (size_t i = c->asked_count; i-- > 0;)
        if (config_destination(config, c->asked[i].to) == NULL)
            refuse_asked(c, i, ERR_NOT_FOUND, "it is not configured any more");
    copies_changed(c);
}

void copies_cancel(struct copies *c)
{
    c->stopping = true;
    for (size_t i = 0; i < c->lane_count; i++)
        lane_drop(c->lanes[i], "synbakd stops");
    while (c->asked_count > 0)
        refuse_asked(c, 0, ERR_CANCELLED, "synbakd stops");
    control_copies_changed(c->daemon->control);
}
