/* copying.c — see copying.h. For each destination: gather what others hold and it lacks, put it in
 * thought beside what lies there, let retention go over that until it rests, and owe what is left.
 *
 * Retention's answer depends on what else is there: a set can be suspect beside one and good beside
 * another. So the answer is asked for twice: once with all that could be copied, and once with what
 * then would be; what the second does not keep is not owed, or copy and prune would take turns. */
#include "lib/schedule/copying.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/retention.h"

enum {
    FIRST_DELAY_S = 60,
    LAST_DELAY_S = 3600,
    AWAY = 2 /* ranks of places that cannot be read begin at that many times their number */
};

struct candidate {
    const struct set *set; /* where it would come from */
    int rank;              /* of that place: the lower, the nearer */
    bool good;             /* anywhere: beside other sets it may be suspect */
    bool wanted;           /* while retention is asked */
    bool owed;
};

struct pass { /* over one destination */
    const struct copying_input *in;
    const char *to;
    struct candidate *candidates; /* one for each id, newest first */
    size_t count;
};

/* --- what could be copied --- */

static ssize_t place_of(const struct job *job, const char *destination)
{
    for (size_t i = 0; i < job->destination_count; i++)
        if (strcmp(job->destinations[i]->name, destination) == 0)
            return (ssize_t)i;
    return -1;
}

/* One that can be read now comes before one that cannot, a local disk before what is far or slow;
 * then the order of the configuration counts. -1: it cannot supply anything. */
static int rank_of(const struct copying_input *in, const char *destination)
{
    ssize_t at = place_of(in->job, destination);

    if (at < 0)
        return -1;
    int away = in->places[at].listed ? 0 : AWAY;
    int far = destination_is_fed_live(in->job->destinations[at]) ? 0 : 1;
    return (away + far) * (int)in->job->destination_count + (int)at;
}

static bool can_be_copied(const struct set *s)
{
    return !s->damaged && !s->stays && !set_is_pre_restore(s);
}

static int by_id_and_rank(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = strcmp(y->set->id, x->set->id);

    return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static int newest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->set->sequence != y->set->sequence)
        return x->set->sequence > y->set->sequence ? -1 : 1;
    return strcmp(y->set->id, x->set->id);
}

/* The oldest set there; INT64_MAX: there is none that counts. *ret_good: is any of them good? */
static int64_t oldest_at(const struct pass *p, bool *ret_good)
{
    int64_t oldest = INT64_MAX;

    *ret_good = false;
    for (size_t i = 0; i < p->in->sets->count; i++) {
        const struct set *s = &p->in->sets->items[i];
        if (strcmp(s->destination, p->to) != 0 || set_is_pre_restore(s) || s->stays)
            continue;
        *ret_good |= s->state == SET_GOOD;
        if (s->sequence < oldest)
            oldest = s->sequence;
    }
    return oldest;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One candidate for each id that is not there, from the nearest place. */
static void gather(struct pass *p)
{
    const struct sets *sets = p->in->sets;
    _cleanup_free_ const char **there = mem_alloc((sets->count + 1) * sizeof(*there));
    size_t there_count = 0, n = 0;

    p->candidates = mem_alloc((sets->count + 1) * sizeof(*p->candidates));
    for (size_t i = 0; i < sets->count; i++)
        if (strcmp(sets->items[i].destination, p->to) == 0)
            there[there_count++] = sets->items[i].id;
    qsort(there, there_count, sizeof(*there), by_id);
    for (size_t i = 0; i < sets->count; i++) {
        const struct set *s = &sets->items[i];
        const char *id = s->id;
        int rank = rank_of(p->in, s->destination);
        if (rank >= 0 && can_be_copied(s) &&
            bsearch(&id, there, there_count, sizeof(*there), by_id) == NULL)
            p->candidates[p->count++] =
                (struct candidate){.set = s, .rank = rank, .good = s->state == SET_GOOD};
    }
    qsort(p->candidates, p->count, sizeof(*p->candidates), by_id_and_rank);
    for (size_t i = 0; i < p->count; i++)
        if (n == 0 || strcmp(p->candidates[n - 1].set->id, p->candidates[i].set->id) != 0)
            p->candidates[n++] = p->candidates[i];
        else
            p->candidates[n - 1].good |= p->candidates[i].good;
    p->count = n;
    qsort(p->candidates, p->count, sizeof(*p->candidates), newest_first);
}

static bool can_be_read(const struct pass *p, const struct candidate *c)
{
    return c->rank < AWAY * (int)p->in->job->destination_count;
}

/* What came after the oldest that lies there; and where nothing good lies, the newest good set. */
static void choose(struct pass *p, bool readable_only)
{
    bool has_good;
    int64_t oldest = oldest_at(p, &has_good);

    for (size_t i = 0; i < p->count; i++) {
        struct candidate *c = &p->candidates[i];
        bool first_good = !has_good && c->good;
        c->wanted =
            (!readable_only || can_be_read(p, c)) && (c->set->sequence > oldest || first_good);
        has_good |= c->wanted && first_good;
    }
}

/* --- would retention keep it there? --- */

static struct set as_if_there(const struct set *s, const char *destination)
{
    struct set copy = *s; /* shallow: what it points to belongs to the input */

    copy.destination = (char *)(uintptr_t)destination;
    copy.in_use = false; /* what is being read now will not be for ever */
    return copy;
}

/* The destination as it would be with everything that is wanted. */
static struct sets imagine(const struct pass *p)
{
    struct sets there = {0};

    there.items = mem_alloc((p->in->sets->count + p->count + 1) * sizeof(*there.items));
    for (size_t i = 0; i < p->in->sets->count; i++)
        if (strcmp(p->in->sets->items[i].destination, p->to) == 0)
            there.items[there.count++] = as_if_there(&p->in->sets->items[i], p->to);
    for (size_t i = 0; i < p->count; i++)
        if (p->candidates[i].wanted) {
            there.items[there.count] = as_if_there(p->candidates[i].set, p->to);
            there.items[there.count++].verified.us = 0; /* that was another copy */
        }
    return there;
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct set *const *)a;
    uintptr_t y = (uintptr_t) * (const struct set *const *)b;

    return (x > y) - (x < y);
}

/* Take out what the plan removes. Returns how many. */
static size_t carry_out(struct sets *there, const struct retention_plan *plan)
{
    _cleanup_free_ const struct set **gone = mem_alloc((plan->count + 1) * sizeof(*gone));
    size_t n = 0, left = 0;

    for (size_t i = 0; i < plan->count; i++)
        if (plan->verdicts[i].remove)
            gone[n++] = plan->verdicts[i].set;
    qsort(gone, n, sizeof(*gone), compare_pointers);
    for (size_t i = 0; i < there->count && n > 0; i++) {
        const struct set *s = &there->items[i];
        if (bsearch(&s, gone, n, sizeof(*gone), compare_pointers) == NULL)
            there->items[left++] = *s;
    }
    if (n > 0)
        there->count = left;
    return n;
}

/* Retention passes until nothing goes any more; without a bound on what one pass removes. */
static int let_rest(const struct pass *p, struct sets *there, struct err *e)
{
    struct job job = *p->in->job;
    size_t removed;

    job.max_delete = 0;
    do {
        struct retention_plan plan;
        sets_classify(there, job.size_drop_percent);
        const struct retention_input in = {.job = &job,
                                           .sets = there,
                                           .destination = p->to,
                                           .now = p->in->now,
                                           .timezone = p->in->timezone,
                                           .clock_in_doubt = p->in->clock_in_doubt};
        if (retention_decide(&in, &plan, e) < 0)
            return -1;
        removed = carry_out(there, &plan);
        retention_plan_deinit(&plan);
    } while (removed > 0);
    return 0;
}

static bool holds(const struct sets *there, const char *id)
{
    for (size_t i = 0; i < there->count; i++)
        if (strcmp(there->items[i].id, id) == 0)
            return true;
    return false;
}

/* Drop what would not be kept. Returns how many were dropped, -1 on failure. */
static int drop_what_goes(struct pass *p, struct err *e)
{
    struct sets there = imagine(p);
    int dropped = 0, rc = let_rest(p, &there, e);

    for (size_t i = 0; i < p->count && rc == 0; i++)
        if (p->candidates[i].wanted && !holds(&there, p->candidates[i].set->id)) {
            p->candidates[i].wanted = false;
            dropped++;
        }
    free(there.items);
    return rc < 0 ? -1 : dropped;
}

static int ask(struct pass *p, bool readable_only, struct err *e)
{
    int dropped = 1;

    choose(p, readable_only);
    while (dropped > 0)
        dropped = drop_what_goes(p, e);
    for (size_t i = 0; i < p->count; i++)
        p->candidates[i].owed |= p->candidates[i].wanted;
    return dropped;
}

/* What cannot be read now may never come: it must not keep out what can. So that is asked first, as
 * if the rest were not there. */
static int settle(struct pass *p, struct err *e)
{
    size_t readable = 0;

    for (size_t i = 0; i < p->count; i++)
        readable += can_be_read(p, &p->candidates[i]);
    if (readable > 0 && ask(p, true, e) < 0)
        return -1;
    return readable < p->count ? ask(p, false, e) : 0;
}

/* --- the answer --- */

static bool is_late(const struct copying_input *in, const struct destination *to,
                    const struct set *s)
{
    struct wall made = s->finished.us != 0 ? s->finished : s->started;

    return !in->clock_in_doubt && in->now.us - made.us > to->copy_within_s * 1000000;
}

static const struct copy_attempt *attempt_of(const struct copying_input *in, const char *id,
                                             const char *to)
{
    for (size_t i = 0; i < in->attempt_count; i++)
        if (strcmp(in->attempts[i].id, id) == 0 && strcmp(in->attempts[i].destination, to) == 0)
            return &in->attempts[i];
    return NULL;
}

static void add_owed(const struct copying_input *in, size_t at, const struct set *s,
                     struct copying *ret)
{
    const struct destination *to = in->job->destinations[at];
    const struct copy_attempt *attempt = attempt_of(in, s->id, to->name);
    ssize_t from = place_of(in->job, s->destination);
    bool possible = !in->paused && in->places[at].listed && in->places[from].listed;
    bool waits = attempt != NULL && attempt->next.us > in->mono_now.us;
    struct copy_owed *owed = &ret->items[ret->count++];

    *owed = (struct copy_owed){.set = s,
                               .to = to->name,
                               .startable = possible && !waits,
                               .late = is_late(in, to, s),
                               .failures = attempt != NULL ? attempt->failures : 0};
    ret->lags[at].lacks++;
    ret->lags[at].late += owed->late;
    if (possible && waits && attempt->next.us < ret->next_try.us)
        ret->next_try = attempt->next;
}

static int decide_at(const struct copying_input *in, size_t at, struct copying *ret, struct err *e)
{
    struct pass p = {.in = in, .to = in->job->destinations[at]->name};
    int rc;

    ret->lags[at].newest = sets_latest(in->sets, p.to);
    if (!in->places[at].known)
        return 0; /* nobody can say what it lacks */
    gather(&p);
    rc = settle(&p, e);
    ret->items = mem_resize_array(ret->items, ret->count + p.count + 1, sizeof(*ret->items));
    for (size_t i = 0; i < p.count && rc == 0; i++)
        if (p.candidates[i].owed)
            add_owed(in, at, p.candidates[i].set, ret);
    free(p.candidates);
    return rc;
}

int copying_decide(const struct copying_input *in, struct copying *ret, struct err *e)
{
    *ret = (struct copying){.next_try = {INT64_MAX}};
    ret->lags = mem_alloc((in->job->destination_count + 1) * sizeof(*ret->lags));
    for (size_t i = 0; i < in->job->destination_count; i++)
        if (decide_at(in, i, ret, e) < 0) {
            copying_deinit(ret);
            return err_wrap(e, "copies of job \"%s\"", in->job->name);
        }
    return 0;
}

void copying_deinit(struct copying *c)
{
    if (c == NULL)
        return;
    free(c->items);
    free(c->lags);
    *c = (struct copying){0};
}

int64_t copying_delay_s(int failures, uint32_t jitter)
{
    int64_t delay = FIRST_DELAY_S;

    for (int i = 1; i < failures && delay < LAST_DELAY_S; i++)
        delay *= 2;
    if (delay > LAST_DELAY_S)
        delay = LAST_DELAY_S;
    return delay + (int64_t)(jitter % (uint32_t)(delay / 8 + 1));
}
