/* retention.c — one pass over one destination: gather the sets, let each rule keep what it wants,
 * and let the rest go, oldest first, as far as `max_delete` allows and no judgement needs them. */
#include "lib/schedule/retention.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/retention_keep.h"

static void freep_zone(struct zone **z)
{
    zone_free(*z);
}

/* Newest first; pre-restore sets have no sequence number and come last. */
static int compare_entries(const void *a, const void *b)
{
    const struct set *x = ((const struct retention_entry *)a)->set;
    const struct set *y = ((const struct retention_entry *)b)->set;

    if (set_is_pre_restore(x) != set_is_pre_restore(y))
        return set_is_pre_restore(x) ? 1 : -1;
    if (x->sequence != y->sequence)
        return x->sequence > y->sequence ? -1 : 1;
    return strcmp(y->id, x->id);
}

static void gather(struct retention_pass *p)
{
    const struct sets *sets = p->in->sets;

    p->entries = mem_alloc((sets->count + 1) * sizeof(*p->entries));
    for (size_t i = 0; i < sets->count; i++)
        if (str_equal(sets->items[i].destination, p->in->destination))
            p->entries[p->count++].set = &sets->items[i];
    qsort(p->entries, p->count, sizeof(*p->entries), compare_entries);
}

/* A job without any keep rule keeps everything: silence must not delete. */
static bool has_rule(const struct job *job)
{
    if (job->keep_last >= 0 || job->keep_within_s > 0 || job->keep_manual >= 0)
        return true;
    for (int tier = 0; tier < TIER_COUNT; tier++)
        if (job->tiers[tier].on && job->tiers[tier].keep >= 0)
            return true;
    return false;
}

static void apply_rules(struct retention_pass *p)
{
    if (p->in->held)
        for (size_t i = 0; i < p->count; i++)
            retention_keep(&p->entries[i], "deletion is on hold");
    retention_find_holders(p);
    retention_keep_marked(p);
    retention_keep_floor(p);
    retention_keep_tiers(p);
    retention_keep_last(p);
    retention_keep_within(p);
    retention_keep_not_good(p);
    retention_keep_confirming(p);
    for (size_t i = 0; i < p->count && !has_rule(p->in->job); i++)
        if (retention_counts(p->entries[i].set))
            retention_keep(&p->entries[i], "the job has no rule that lets sets go");
}

static const char *why_it_goes(const struct retention_entry *entry)
{
    if (entry->because != NULL)
        return entry->because;
    if (set_is_pre_restore(entry->set))
        return "made before a restore more than 14 days ago";
    return "no rule of the job keeps it";
}

static void choose(struct retention_pass *p, struct retention_plan *plan)
{
    const int max = p->in->job->max_delete;
    size_t chosen = 0;

    for (size_t i = p->count; i-- > 0;) { /* oldest first */
        struct retention_entry *entry = &p->entries[i];
        if (entry->why != NULL)
            continue;
        if (max > 0 && chosen == (size_t)max) {
            plan->capped = true;
            retention_keep(entry, "one pass removes at most %d sets (%s)", max, why_it_goes(entry));
        } else {
            entry->remove = true;
            chosen++;
        }
    }
}

/* Keep the good sets before entry `at` that would go: the last ten first, and if they stay anyway,
 * all. */
static bool spare_before(struct retention_pass *p, size_t at)
{
    enum { MEDIAN_OF = 10 };
    bool spared = false;
    int seen = 0;

    for (size_t i = at + 1; i < p->count && (seen < MEDIAN_OF || !spared); i++) {
        struct retention_entry *entry = &p->entries[i];
        seen += retention_counts(entry->set);
        if (!entry->remove || !retention_counts(entry->set))
            continue;
        entry->remove = false;
        retention_keep(entry, "shows that the size of %s is usual", p->entries[at].set->id);
        spared = true;
    }
    return spared;
}

/* What is suspect is computed from the sets that stand. A removal must not make a good set that
 * stays suspect, or it would lose its tiers and stop being the newest good one. True if that made
 * a set stay, so that the rest must be looked at again. */
static bool spare_witnesses(struct retention_pass *p)
{
    _cleanup_free_ struct set *left = mem_alloc((p->count + 1) * sizeof(*left));
    _cleanup_free_ size_t *from = mem_alloc((p->count + 1) * sizeof(*from));
    struct sets sets = {.items = left};
    bool spared = false;

    for (size_t i = 0; i < p->count; i++)
        if (!p->entries[i].remove) {
            from[sets.count] = i;
            left[sets.count++] = *p->entries[i].set;
        }
    if (sets.count == p->count)
        return false;
    sets_classify(&sets, p->in->job->size_drop_percent);
    for (size_t i = 0; i < sets.count; i++)
        if (left[i].state == SET_SUSPECT && p->entries[from[i]].set->state == SET_GOOD)
            spared |= spare_before(p, from[i]);
    return spared;
}

/* ", locked until ..." where the destination locks what it gets, else "". The lock counts from when
 * an object was put: of a set that came by copy it ends later. Owned. */
static char *lock_of(const struct retention_input *in, const struct set *set)
{
    char text[32];

    for (size_t i = 0; i < in->job->destination_count; i++) {
        const struct destination *d = in->job->destinations[i];
        const struct wall end = {set->finished.us + d->lock_s * 1000000};
        if (d->lock_s <= 0 || strcmp(d->name, in->destination) != 0 || end.us <= in->now.us)
            continue;
        (void)clock_iso8601(end, text);
        return mem_printf(", locked until at least %.10s %.5s UTC", text, text + 11);
    }
    return mem_strdup("");
}

/* Turn the entries into verdicts, and free them. */
static void conclude(struct retention_pass *p, struct retention_plan *plan)
{
    plan->verdicts = mem_alloc((p->count + 1) * sizeof(*plan->verdicts));
    plan->count = p->count;
    for (size_t i = 0; i < p->count; i++) {
        struct retention_entry *entry = &p->entries[i];
        plan->verdicts[i].set = entry->set;
        plan->verdicts[i].remove = entry->remove;
        _cleanup_free_ char *lock = lock_of(p->in, entry->set);
        plan->verdicts[i].why = entry->remove ? mem_printf("goes: %s%s", why_it_goes(entry), lock)
                                              : mem_printf("stays: %s%s", entry->why, lock);
        plan->removals += entry->remove;
        free(entry->why);
        free(entry->because);
    }
    free(p->entries);
    free(p->holders);
}

int retention_decide(const struct retention_input *in, struct retention_plan *ret, struct err *e)
{
    _cleanup_(freep_zone) struct zone *zone = NULL;
    struct retention_pass pass = {.in = in};

    *ret = (struct retention_plan){0};
    if (zone_load(in->timezone, &zone, e) < 0)
        return err_wrap(e, "retention of job \"%s\"", in->job->name);
    pass.zone = zone;
    gather(&pass);
    apply_rules(&pass);
    choose(&pass, ret);
    while (spare_witnesses(&pass))
        continue;
    conclude(&pass, ret);
    return 0;
}

void retention_plan_deinit(struct retention_plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->verdicts[i].why);
    free(p->verdicts);
    *p = (struct retention_plan){0};
}
