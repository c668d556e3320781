/* copying.c — see copying.h. For each destination: gather what others hold and it lacks, put it in
 * thought beside what lies there, let retention go over that until it rests, and owe what is left.
 *
 * Retention's answer depends on what else is there: a set can be suspect beside one and good beside
 * another. So the answer is asked for twice: once with all that could be copied, and once with what
 * then would be; what the second does not keep is not owed, or copy and prune would take turns. */
#include "lib/schedule/copying.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/copying_rest.h"

enum {
    FIRST_DELAY_S = 60,
    LAST_DELAY_S = 3600,
    TRIES = 100, /* of what is owed, until one is found that may be next */
    AWAY = 2     /* ranks of places that cannot be read begin at that many times their number */
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
    const struct copy_attempt **attempts; /* sorted */
    struct copying_rest end; /* what would lie there in the end, with all that can be read now */
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

/* Drop what would not be kept. Returns how many were dropped, -1 on failure. *ret: what would. */
static int drop_what_goes(struct pass *p, struct copying_rest *ret, struct err *e)
{
    _cleanup_free_ const struct set **wanted = mem_alloc((p->count + 1) * sizeof(*wanted));
    size_t n = 0;
    int dropped = 0;

    for (size_t i = 0; i < p->count; i++)
        if (p->candidates[i].wanted)
            wanted[n++] = p->candidates[i].set;
    copying_rest_deinit(ret);
    if (copying_rest_ask(p->in, p->to, wanted, n, ret, e) < 0)
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if (p->candidates[i].wanted && !copying_rest_has(ret, p->candidates[i].set->id)) {
            p->candidates[i].wanted = false;
            dropped++;
        }
    return dropped;
}

static int ask(struct pass *p, bool readable_only, struct copying_rest *ret, struct err *e)
{
    int dropped = 1;

    choose(p, readable_only);
    while (dropped > 0)
        dropped = drop_what_goes(p, ret, e);
    for (size_t i = 0; i < p->count; i++)
        p->candidates[i].owed |= p->candidates[i].wanted;
    return dropped;
}

/* What cannot be read now may never come: it must not keep out what can. So that is asked first, as
 * if the rest were not there. */
static int settle(struct pass *p, struct err *e)
{
    struct copying_rest all = {0};
    size_t readable = 0;
    int rc = 0;

    for (size_t i = 0; i < p->count; i++)
        readable += can_be_read(p, &p->candidates[i]);
    if (readable > 0)
        rc = ask(p, true, &p->end, e);
    if (rc == 0 && readable < p->count)
        rc = ask(p, false, &all, e);
    copying_rest_deinit(&all);
    return rc;
}

/* --- the answer --- */

static bool is_late(const struct copying_input *in, const struct destination *to,
                    const struct set *s)
{
    struct wall made = s->finished.us != 0 ? s->finished : s->started;

    return !in->clock_in_doubt && in->now.us - made.us > to->copy_within_s * 1000000;
}

static int compare_attempts(const void *a, const void *b)
{
    const struct copy_attempt *x = *(const struct copy_attempt *const *)a;
    const struct copy_attempt *y = *(const struct copy_attempt *const *)b;
    int order = strcmp(x->id, y->id);

    return order != 0 ? order : strcmp(x->destination, y->destination);
}

static const struct copy_attempt **sort_attempts(const struct copying_input *in)
{
    const struct copy_attempt **sorted = mem_alloc((in->attempt_count + 1) * sizeof(*sorted));

    for (size_t i = 0; i < in->attempt_count; i++)
        sorted[i] = &in->attempts[i];
    qsort(sorted, in->attempt_count, sizeof(*sorted), compare_attempts);
    return sorted;
}

static const struct copy_attempt *attempt_of(const struct pass *p, const char *id)
{
    const struct copy_attempt wanted = {.id = id, .destination = p->to}, *key = &wanted;
    const struct copy_attempt **found =
        bsearch(&key, p->attempts, p->in->attempt_count, sizeof(*p->attempts), compare_attempts);

    return found != NULL ? *found : NULL;
}

static void add_owed(const struct pass *p, size_t at, const struct set *s, struct copying *ret)
{
    const struct copying_input *in = p->in;
    const struct destination *to = in->job->destinations[at];
    const struct copy_attempt *attempt = attempt_of(p, s->id);
    ssize_t from = place_of(in->job, s->destination);
    bool possible = !in->paused && in->places[at].listed && in->places[from].listed;
    bool waits = attempt != NULL && attempt->next.us > in->mono_now.us;
    struct copy_owed *owed = &ret->items[ret->count++];

    *owed = (struct copy_owed){.set = s,
                               .to = to->name,
                               .startable = possible && !waits,
                               .late = is_late(in, to, s),
                               .failures = attempt != NULL ? attempt->failures : 0};
    if (possible && waits && attempt->next.us < ret->next_try.us)
        ret->next_try = attempt->next;
}

/* --- in which order --- */

/* The ids that another place can supply, sorted; owned. */
static const char **ids_elsewhere(const struct pass *p, size_t *ret_count)
{
    const struct sets *sets = p->in->sets;
    const char **ids = mem_alloc((sets->count + 1) * sizeof(*ids));

    *ret_count = 0;
    for (size_t i = 0; i < sets->count; i++) {
        const struct set *s = &sets->items[i];
        if (strcmp(s->destination, p->to) != 0 && can_be_copied(s) &&
            place_of(p->in->job, s->destination) >= 0)
            ids[(*ret_count)++] = s->id;
    }
    qsort(ids, *ret_count, sizeof(*ids), by_id);
    return ids;
}

/* Of what lies there and stays, only that which would also lie there in the end and which, if it
 * went meanwhile, would be copied again. */
static void keep_what_would_return(const struct pass *p, struct copying_rest *now)
{
    size_t count, left = 0;
    _cleanup_free_ const char **elsewhere = ids_elsewhere(p, &count);

    for (size_t i = 0; i < now->count; i++)
        if (copying_rest_has(&p->end, now->ids[i]) &&
            bsearch(&now->ids[i], elsewhere, count, sizeof(*elsewhere), by_id) != NULL)
            now->ids[left++] = now->ids[i];
    now->count = left;
}

static bool has_all(const struct copying_rest *rest, const struct copying_rest *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (!copying_rest_has(rest, wanted->ids[i]))
            return false;
    return true;
}

/* Would retention keep this one beside what lies there now? And would then nothing go that returns? */
static int judge_next(const struct pass *p, const struct set *s,
                      const struct copying_rest *would_return, bool *ret_next, bool *ret_latest,
                      struct err *e)
{
    struct copying_rest then;

    if (copying_rest_ask(p->in, p->to, &s, 1, &then, e) < 0)
        return -1;
    *ret_next = copying_rest_has(&then, s->id) && has_all(&then, would_return);
    *ret_latest = then.latest != NULL && strcmp(then.latest, s->id) == 0;
    copying_rest_deinit(&then);
    return 0;
}

/* What would be kept in the end may go at once when it comes before its witnesses, and would be
 * copied again and again. So the first is next that holds by itself, and if there is none, the one
 * that would be the newest good one there, since it stays whatever comes. If there is none of these
 * either, and nothing is awaited that could change it, none is owed. */
static int find_next(const struct pass *p, struct copy_owed *items, size_t *count, struct err *e)
{
    struct copying_rest now;
    struct copy_owed *latest = NULL;
    size_t tried = 0, waiting = 0;
    bool found = false, is_latest;

    if (copying_rest_ask(p->in, p->to, NULL, 0, &now, e) < 0)
        return -1;
    keep_what_would_return(p, &now);
    for (size_t i = 0; i < *count && !found; i++) {
        if (!items[i].startable || tried == TRIES) {
            waiting++;
            continue;
        }
        tried++;
        if (judge_next(p, items[i].set, &now, &found, &is_latest, e) < 0) {
            copying_rest_deinit(&now);
            return -1;
        }
        items[i].next = found;
        latest = latest == NULL && is_latest ? &items[i] : latest;
    }
    copying_rest_deinit(&now);
    if (!found && latest != NULL)
        latest->next = true;
    else if (!found && waiting == 0)
        *count = 0;
    return 0;
}

static int decide_at(const struct copying_input *in, const struct copy_attempt **attempts,
                     size_t at, struct copying *ret, struct err *e)
{
    struct pass p = {.in = in, .to = in->job->destinations[at]->name, .attempts = attempts};
    struct copy_lag *lag = &ret->lags[at];
    size_t before = ret->count;

    lag->newest = sets_latest(in->sets, p.to);
    if (!in->places[at].known)
        return 0; /* nobody can say what it lacks */
    gather(&p);
    int rc = settle(&p, e);
    ret->items = mem_resize_array(ret->items, ret->count + p.count + 1, sizeof(*ret->items));
    for (size_t i = 0; i < p.count && rc == 0; i++)
        if (p.candidates[i].owed)
            add_owed(&p, at, p.candidates[i].set, ret);
    lag->lacks = ret->count - before;
    if (rc == 0 && lag->lacks > 0)
        rc = find_next(&p, ret->items + before, &lag->lacks, e);
    ret->count = before + lag->lacks;
    for (size_t i = before; i < ret->count; i++)
        lag->late += ret->items[i].late;
    copying_rest_deinit(&p.end);
    free(p.candidates);
    return rc;
}

int copying_decide(const struct copying_input *in, struct copying *ret, struct err *e)
{
    _cleanup_free_ const struct copy_attempt **attempts = sort_attempts(in);

    *ret = (struct copying){.next_try = {INT64_MAX}};
    ret->lags = mem_alloc((in->job->destination_count + 1) * sizeof(*ret->lags));
    for (size_t i = 0; i < in->job->destination_count; i++)
        if (decide_at(in, attempts, i, ret, e) < 0) {
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
