/* index_merge.c — the happy path is: the entries of the chosen segments, in order, go into a file; it is
 * sealed once for its name and once for the store; from then on it counts in their place.
 *
 * Failure modes: a crash anywhere leaves the old segments, or the old ones and the new one, which says
 * that it replaces them. Two that merge at once leave two such: entries are then there twice, until the
 * next merge. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_put.h"

enum {
    TIER_FULL = 8, /* segments of like size, within a factor of as much */
    TIER_BITS = 3,
    TIERS = 64 / TIER_BITS + 1,
    DROPPED = -1
};

struct merge {
    struct index *ix;
    struct index_segment **from; /* owned array, borrowed items */
    size_t from_count;
    int64_t **numbers;        /* owned: for each of `from`, its packs' new numbers or DROPPED */
    struct index_segment *to; /* owned until it is taken */
};

static void merge_deinit(struct merge *m)
{
    for (size_t i = 0; m->numbers != NULL && i < m->from_count; i++)
        free(m->numbers[i]);
    free(m->numbers);
    free(m->from);
    if (m->to != NULL)
        index_local_forget(&m->to->local);
    index_segment_free(m->to);
}

static int pack_compare(const void *a, const void *b)
{
    return index_name_compare(&((const struct index_pack *)a)->name,
                              &((const struct index_pack *)b)->name);
}

/* The packs of all that are merged, each once, without those that are to go. */
static void number_packs(struct merge *m, const struct pack_name *without, size_t without_count)
{
    struct index_table *t = &m->to->table;
    size_t total = 0, count = 0;

    for (size_t i = 0; i < m->from_count; i++)
        total += m->from[i]->table.pack_count;
    t->packs = mem_alloc(total * sizeof(*t->packs));
    for (size_t i = 0; i < m->from_count; i++)
        for (size_t j = 0; j < m->from[i]->table.pack_count; j++) {
            const struct index_pack *p = &m->from[i]->table.packs[j];
            if (without_count == 0 || bsearch(&p->name, without, without_count, sizeof(*without),
                                              index_name_compare) == NULL)
                t->packs[count++] = *p;
        }
    qsort(t->packs, count, sizeof(*t->packs), pack_compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || pack_compare(&t->packs[i - 1], &t->packs[i]) != 0)
            t->packs[t->pack_count++] = t->packs[i];
    m->numbers = mem_alloc(m->from_count * sizeof(*m->numbers));
    for (size_t i = 0; i < m->from_count; i++) {
        m->numbers[i] = mem_alloc(m->from[i]->table.pack_count * sizeof(**m->numbers));
        for (size_t j = 0; j < m->from[i]->table.pack_count; j++) {
            const struct index_pack *p = t->pack_count == 0
                                             ? NULL
                                             : bsearch(&m->from[i]->table.packs[j], t->packs,
                                                       t->pack_count, sizeof(*p), pack_compare);
            m->numbers[i][j] = p == NULL ? DROPPED : p - t->packs;
        }
    }
}

static int64_t new_number(const struct merge *m, const struct index_cursor_item *item)
{
    for (size_t i = 0; i < m->from_count; i++)
        if (m->from[i] == item->segment)
            return m->numbers[i][item->x.pack];
    return DROPPED;
}

struct group {                /* the entries of one id so far: the same place is told once */
    struct index_item *items; /* owned */
    size_t count, room;
};

static bool group_takes(struct group *g, const struct index_item *x)
{
    if (g->count > 0 && !chunk_id_equal(&g->items[0].chunk.id, &x->chunk.id))
        g->count = 0;
    for (size_t i = 0; i < g->count; i++)
        if (g->items[i].pack == x->pack && g->items[i].offset == x->offset)
            return false;
    if (g->count == g->room) {
        g->room = g->room == 0 ? 4 : 2 * g->room;
        g->items = mem_resize_array(g->items, g->room, sizeof(*g->items));
    }
    g->items[g->count++] = *x;
    return true;
}

static int copy_entries(struct merge *m, struct index_local_writer *w, struct err *e)
{
    struct index_cursor *c = index_cursor_new(m->ix, m->from, m->from_count);
    struct index_cursor_item item;
    struct group g = {0};
    int rc;

    while ((rc = index_cursor_next(c, &item, e)) == 0) {
        int64_t number = new_number(m, &item);
        item.x.pack = (uint32_t)number;
        if (number != DROPPED && group_takes(&g, &item.x) && index_local_add(w, &item.x, e) < 0) {
            rc = -1;
            break;
        }
    }
    free(g.items);
    index_cursor_free(c);
    return rc < 0 ? -1 : 0;
}

static void add_replaced(struct index_table *t, const struct pack_name *name)
{
    t->replaces = mem_resize_array(t->replaces, t->replace_count + 1, sizeof(*t->replaces));
    t->replaces[t->replace_count++] = *name;
}

static bool has_name(const struct pack_name *names, size_t count, const struct pack_name *name)
{
    for (size_t i = 0; i < count; i++)
        if (index_name_compare(&names[i], name) == 0)
            return true;
    return false;
}

/* What is merged, and what that had replaced and is still there: else it would count again. All: whatever
 * else lies there and does not count. */
static void name_replaced(struct merge *m, bool all)
{
    struct index *ix = m->ix;
    struct index_table *t = &m->to->table;

    for (size_t i = 0; i < m->from_count; i++)
        if (m->from[i]->stored)
            add_replaced(t, &m->from[i]->name);
    for (size_t i = 0; i < ix->superseded_count; i++) {
        bool replaced = all;
        for (size_t j = 0; j < m->from_count && !replaced; j++)
            replaced = has_name(m->from[j]->table.replaces, m->from[j]->table.replace_count,
                                &ix->superseded[i]);
        if (replaced)
            add_replaced(t, &ix->superseded[i]);
    }
    for (size_t i = 0; i < ix->damaged_count && all; i++)
        add_replaced(t, &ix->damaged[i]);
}

static int write_file(struct merge *m, struct err *e)
{
    struct index_local_writer *w;
    uint64_t entries = 0;

    for (size_t i = 0; i < m->from_count; i++) {
        entries += index_segment_count(m->from[i]);
        index_filter_deinit(&m->from[i]->filter); /* room for the new one */
    }
    if (index_local_begin(m->ix->dir, entries, &w, e) < 0)
        return -1;
    if (copy_entries(m, w, e) < 0) {
        index_local_abort(w);
        return -1;
    }
    return index_local_end(w, &m->to->table, &m->to->local, &m->to->filter, e);
}

static int put(struct merge *m, struct store *s, struct err *e)
{
    struct index_object o;
    int rc = index_object_new(m->to, m->ix->keys, &o, e);

    if (rc == 0)
        rc = index_object_put(m->to, &o, s, e);
    seal_wipe(o.key, sizeof(o.key));
    if (rc == 0)
        rc = index_local_name(&m->to->local, &m->to->name, e);
    return rc;
}

static void replace_segments(struct merge *m)
{
    struct index *ix = m->ix;
    size_t kept = 0;

    (void)pthread_rwlock_wrlock(&ix->lock);
    for (size_t i = 0; i < ix->segment_count; i++) {
        bool merged = false;
        for (size_t j = 0; j < m->from_count && !merged; j++)
            merged = m->from[j] == ix->segments[i];
        if (!merged) {
            ix->segments[kept++] = ix->segments[i];
            continue;
        }
        if (ix->segments[i]->stored) {
            ix->superseded =
                mem_resize_array(ix->superseded, ix->superseded_count + 1, sizeof(*ix->superseded));
            ix->superseded[ix->superseded_count++] = ix->segments[i]->name;
        }
        index_segment_free(ix->segments[i]);
    }
    ix->segment_count = kept;
    m->to->stored = true;
    index_take_segment(ix, TAKE(m->to));
    (void)pthread_rwlock_unlock(&ix->lock);
}

static int merge(struct merge *m, struct store *s, const struct pack_name *without,
                 size_t without_count, bool all, struct err *e)
{
    m->to = index_segment_new();
    number_packs(m, without, without_count);
    name_replaced(m, all);
    if (write_file(m, e) < 0 || put(m, s, e) < 0)
        return -1;
    replace_segments(m);
    return 0;
}

/* Is there anything that a merge of all would change? */
static bool worth_it(const struct index *ix, const struct pack_name *without, size_t count)
{
    if (ix->segment_count == 0)
        return false;
    if (ix->segment_count > 1 || !ix->segments[0]->stored || ix->damaged_count > 0)
        return true;
    for (size_t i = 0; i < ix->segments[0]->table.pack_count && count > 0; i++)
        if (bsearch(&ix->segments[0]->table.packs[i].name, without, count, sizeof(*without),
                    index_name_compare) != NULL)
            return true;
    return false;
}

int index_merge(struct index *ix, struct store *s, const struct pack_name *without,
                size_t without_count, struct err *e)
{
    _cleanup_free_ struct pack_name *sorted = mem_copy(without, without_count * sizeof(*without));
    _cleanup_(merge_deinit) struct merge m = {.ix = ix};

    if (without_count > 0)
        qsort(sorted, without_count, sizeof(*sorted), index_name_compare);
    if (index_localize(ix, e) < 0)
        return -1;
    if (!worth_it(ix, sorted, without_count))
        return 0;
    m.from = mem_copy(ix->segments, ix->segment_count * sizeof(struct index_segment *));
    m.from_count = ix->segment_count;
    return merge(&m, s, sorted, without_count, true, e);
}

static size_t tier_of(const struct index_segment *g)
{
    uint64_t count = index_segment_count(g);
    size_t tier = 0;

    while (count >>= TIER_BITS)
        tier++;
    return tier;
}

/* A merge must not bring to life what was on trash, nor leave it out: it may be needed again. */
static bool mergeable(const struct index_segment *g)
{
    return g->stored && g->excluded == NULL;
}

/* The highest tier that is full; it and all below it become one. -1: none. */
static int full_tier(const struct index *ix)
{
    size_t counts[TIERS] = {0};
    int full = -1;

    for (size_t i = 0; i < ix->segment_count; i++)
        if (mergeable(ix->segments[i]))
            counts[tier_of(ix->segments[i])]++;
    for (int i = 0; i < TIERS; i++)
        if (counts[i] >= TIER_FULL)
            full = i;
    return full;
}

bool index_wants_merge(const struct index *ix)
{
    return full_tier(ix) >= 0;
}

int index_merge_tier(struct index *ix, struct store *s, char ret[80], struct err *e)
{
    _cleanup_(merge_deinit) struct merge m = {.ix = ix};
    int tier = full_tier(ix);

    if (tier < 0)
        return 1;
    m.from = mem_alloc(ix->segment_count * sizeof(struct index_segment *));
    for (size_t i = 0; i < ix->segment_count; i++)
        if (mergeable(ix->segments[i]) && tier_of(ix->segments[i]) <= (size_t)tier)
            m.from[m.from_count++] = ix->segments[i];
    if (index_localize(ix, e) < 0)
        return -1;
    if (merge(&m, s, NULL, 0, false, e) < 0)
        return -1;
    index_segment_object(&ix->segments[ix->segment_count - 1]->name, ret);
    return 0;
}
