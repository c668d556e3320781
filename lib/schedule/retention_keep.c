/* retention_keep.c — the keep rules. Counting rules see good sets only and need no clock; rules
 * about age wait while the clock is in doubt. */
#include "lib/schedule/retention_keep.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/zone.h"

enum { PRE_RESTORE_S = 14 * DAY_S, NOT_GOOD_S = 7 * DAY_S, NOT_GOOD_KEPT = 3 };

bool retention_counts(const struct set *s)
{
    return s->state == SET_GOOD && !set_is_pre_restore(s);
}

void retention_keep(struct retention_entry *entry, const char *fmt, ...)
{
    char text[256];
    va_list args;

    if (entry->why != NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    entry->why = mem_strdup(text);
}

static const char *ordinal(int n)
{
    if (n % 100 / 10 == 1)
        return "th";
    return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static bool is_older(const struct retention_pass *p, struct wall t, int64_t seconds)
{
    return !p->in->clock_in_doubt && wall_seconds(p->in->now) - wall_seconds(t) >= seconds;
}

void retention_keep_marked(struct retention_pass *p)
{
    char until[48];

    for (size_t i = 0; i < p->count; i++) {
        struct retention_entry *entry = &p->entries[i];
        const struct set *s = entry->set;
        const char *reason = s->pin_reason != NULL ? s->pin_reason : "no reason given";
        if (s->pinned && s->pin_until.us == 0)
            retention_keep(entry, "pinned (%.100s)", reason);
        else if (s->pinned && !is_older(p, s->pin_until, 0))
            retention_keep(entry, "pinned until %s (%.100s)",
                           zone_format(p->zone, s->pin_until, until), reason);
        if (s->in_use)
            retention_keep(entry, "a restore, a verification or a copy reads it now");
        if (set_is_pre_restore(s) && !is_older(p, s->started, PRE_RESTORE_S))
            retention_keep(entry, "made before a restore less than 14 days ago");
    }
}

static bool is_undamaged(const struct set *s)
{
    return s->state != SET_DAMAGED && !set_is_pre_restore(s);
}

/* --- who holds a source whole, looked up once: jobs may have ten thousands of sets --- */

static int compare_holders(const void *a, const void *b)
{
    const struct retention_holder *x = a, *y = b;
    int order = strcmp(x->source, y->source);

    return order != 0 ? order : (x->undamaged > y->undamaged) - (x->undamaged < y->undamaged);
}

/* One entry for each source of each undamaged set at first; then those of one source become one. */
static void join_holders(struct retention_pass *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->holder_count; i++) {
        struct retention_holder *h = &p->holders[i];
        if (n == 0 || strcmp(p->holders[n - 1].source, h->source) != 0)
            p->holders[n++] = *h;
        else if (h->good < p->holders[n - 1].good)
            p->holders[n - 1].good = h->good;
    }
    p->holder_count = n;
}

void retention_find_holders(struct retention_pass *p)
{
    size_t most = 0;

    for (size_t i = 0; i < p->count; i++)
        most += p->entries[i].set->source_count;
    p->holders = mem_alloc((most + 1) * sizeof(*p->holders));
    for (size_t i = 0; i < p->count; i++) {
        const struct set *s = p->entries[i].set;
        for (size_t k = 0; k < s->source_count && is_undamaged(s); k++)
            if (s->sources[k].whole)
                p->holders[p->holder_count++] =
                    (struct retention_holder){.source = s->sources[k].name,
                                              .good = retention_counts(s) ? i : SIZE_MAX,
                                              .undamaged = i};
    }
    qsort(p->holders, p->holder_count, sizeof(*p->holders), compare_holders);
    join_holders(p);
}

static int compare_source(const void *a, const void *b)
{
    return strcmp(a, ((const struct retention_holder *)b)->source);
}

/* NULL: no undamaged set holds it whole. */
static const struct retention_holder *holder_of(const struct retention_pass *p, const char *source)
{
    return bsearch(source, p->holders, p->holder_count, sizeof(*p->holders), compare_source);
}

void retention_keep_floor(struct retention_pass *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct set *s = p->entries[i].set;
        for (size_t k = 0; k < s->source_count && p->entries[i].why == NULL; k++) {
            const char *source = s->sources[k].name;
            const struct retention_holder *h = s->sources[k].whole ? holder_of(p, source) : NULL;
            if (h != NULL && h->good == i)
                retention_keep(&p->entries[i], "the newest good set that holds \"%s\"", source);
            else if (h != NULL && h->good == SIZE_MAX && h->undamaged == i)
                retention_keep(&p->entries[i], "the newest set that holds \"%s\" whole", source);
        }
    }
}

/* What a tier counts as one: two values, because an hour of a fold comes twice. */
struct period {
    int64_t number, offset;
};

static struct period period_of(const struct retention_pass *p, const struct set *s, int tier)
{
    int64_t days = zone_local_days(p->zone, s->started);
    int offset = zone_offset(p->zone, s->started);
    struct civil date = civil_from_days(days);

    switch (tier) {
    case TIER_HOURLY:
        return (struct period){civil_floor_div(wall_seconds(s->started) + offset, 3600), offset};
    case TIER_DAILY:
        return (struct period){days, 0};
    case TIER_WEEKLY:
        return (struct period){civil_floor_div(days + 3, 7), 0}; /* weeks begin on Monday */
    case TIER_MONTHLY:
        return (struct period){date.year * 12LL + date.month, 0};
    default:
        return (struct period){date.year, 0};
    }
}

static bool carries(const struct set *s, int tier)
{
    if (tier == TIER_MANUAL && s->tiers == 0)
        return true; /* nobody knows why it was made: the rule that keeps longest */
    return (s->tiers >> tier & 1) != 0;
}

static void keep_tier(struct retention_pass *p, int tier, int keep)
{
    struct period last = {0, 0};
    int kept = 0;

    for (size_t i = 0; i < p->count; i++) {
        struct retention_entry *entry = &p->entries[i];
        const struct set *s = entry->set;
        if (!carries(s, tier) || set_is_pre_restore(s))
            continue;
        if (keep == KEEP_FOREVER && (retention_counts(s) || s->state == SET_DAMAGED)) {
            retention_keep(entry, "every %s set is kept", tier_word(tier));
            continue;
        }
        if (s->state == SET_DAMAGED && kept < keep)
            retention_keep(entry, "damaged, but as young as the newest %d %s sets", keep,
                           tier_word(tier));
        if (!retention_counts(s))
            continue;
        struct period now = period_of(p, s, tier);
        bool same = tier != TIER_MANUAL && kept > 0 && now.number == last.number &&
                    now.offset == last.offset;
        if (!same && kept < keep) {
            kept++;
            last = now;
            retention_keep(entry, "the %d%s of %d %s sets kept", kept, ordinal(kept), keep,
                           tier_word(tier));
        } else if (entry->because == NULL) {
            entry->because =
                same ? mem_printf("a newer %s set of the same period stays", tier_word(tier))
                     : mem_printf("only the newest %d %s sets are kept", keep, tier_word(tier));
        }
    }
}

void retention_keep_tiers(struct retention_pass *p)
{
    const struct job *job = p->in->job;

    for (int tier = 0; tier < TIER_COUNT; tier++)
        if (job->tiers[tier].on)
            keep_tier(p, tier, job->tiers[tier].keep);
    keep_tier(p, TIER_MANUAL, job->keep_manual);
}

void retention_keep_last(struct retention_pass *p)
{
    int keep = p->in->job->keep_last, kept = 0;

    for (size_t i = 0; i < p->count && kept < keep; i++)
        if (retention_counts(p->entries[i].set)) {
            kept++;
            retention_keep(&p->entries[i], "the %d%s of the last %d sets kept", kept, ordinal(kept),
                           keep);
        }
}

void retention_keep_within(struct retention_pass *p)
{
    int64_t within = p->in->job->keep_within_s;
    char text[32];

    if (within <= 0)
        return;
    for (size_t i = 0; i < p->count; i++) {
        const struct set *s = p->entries[i].set;
        if ((!retention_counts(s) && s->state != SET_DAMAGED) || set_is_pre_restore(s) ||
            is_older(p, s->started, within))
            continue;
        if (p->in->clock_in_doubt)
            retention_keep(&p->entries[i], "the clock is in doubt, so its age is");
        else
            retention_keep(&p->entries[i], "younger than %s", str_duration(within, text));
    }
}

static bool holds_all(const struct set *s, const struct set *sources_of)
{
    for (size_t k = 0; k < sources_of->source_count; k++) {
        const struct set_source *held = set_source_find(s, sources_of->sources[k].name);
        if (held == NULL || !held->whole)
            return false;
    }
    return true;
}

/* Where the newest good set is that holds every source of this one; p->count: there is none. */
static size_t newest_good_with_all(const struct retention_pass *p, const struct set *s)
{
    size_t at = 0;

    for (size_t k = 0; k < s->source_count; k++) {
        const struct retention_holder *h = holder_of(p, s->sources[k].name);
        if (h == NULL || h->good == SIZE_MAX)
            return p->count;
        if (h->good > at)
            at = h->good; /* none before it holds this source */
    }
    while (at < p->count &&
           (!retention_counts(p->entries[at].set) || !holds_all(p->entries[at].set, s)))
        at++;
    return at;
}

static bool same_sources(const struct set *a, const struct set *b)
{
    bool same = a->source_count == b->source_count;

    for (size_t k = 0; k < a->source_count && same; k++)
        same = strcmp(a->sources[k].name, b->sources[k].name) == 0;
    return same;
}

/* What is asked of many sets in a row that have the same sources is looked up once. */
struct follower {
    const struct set *of; /* NULL: nobody asked yet */
    size_t at;
};

static bool is_followed(const struct retention_pass *p, size_t at, struct follower *last)
{
    const struct set *s = p->entries[at].set;

    if (last->of == NULL || !same_sources(last->of, s))
        *last = (struct follower){.of = s, .at = newest_good_with_all(p, s)};
    return last->at < at;
}

static void keep_one_not_good(struct retention_pass *p, size_t at, struct follower *last,
                              int *unfollowed)
{
    struct retention_entry *entry = &p->entries[at];
    const struct set *s = entry->set;
    const char *state = set_state_word(s->state);
    bool damaged = s->state == SET_DAMAGED;
    /* A damaged set was good once: a week from when it was found to look into it. */
    struct wall since = damaged && s->verified.us > s->started.us ? s->verified : s->started;

    if (!is_followed(p, at, last)) {
        if (!damaged)
            (*unfollowed)++;
        if (damaged || *unfollowed <= NOT_GOOD_KEPT)
            retention_keep(entry, "%s, but no newer good set holds its sources yet", state);
        else if (entry->because == NULL)
            entry->because = mem_printf("%s, and 3 newer such sets stay", state);
    } else if (!is_older(p, since, NOT_GOOD_S)) {
        retention_keep(entry, "%s, kept for 7 days to be looked into", state);
    } else if (entry->because == NULL) {
        entry->because =
            mem_printf("%s, 7 days old, and a newer good set holds its sources", state);
    }
}

void retention_keep_not_good(struct retention_pass *p)
{
    struct follower last = {0};
    int unfollowed = 0;

    for (size_t i = 0; i < p->count; i++)
        if (p->entries[i].set->state != SET_GOOD && !set_is_pre_restore(p->entries[i].set))
            keep_one_not_good(p, i, &last, &unfollowed);
}

void retention_keep_confirming(struct retention_pass *p)
{
    bool older = false;

    for (size_t i = p->count; i-- > 0;) {
        const struct set *s = p->entries[i].set;
        if (s->confirms && older)
            retention_keep(&p->entries[i], "shows that sets are rightly smaller since then");
        older |= retention_counts(s) && !s->confirms;
    }
}
