/* index_find.c — one chunk looked up, or all copies of it: a filter says where it is not, a table of first ids
 * which page may have it. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

static void fill(struct index_entry *ret, const struct index_item *x, const struct index_pack *p,
                 bool rebuilt)
{
    ret->chunk = x->chunk;
    ret->pack = p->name;
    ret->pack_len = p->len;
    ret->offset = x->offset;
    ret->rebuilt = rebuilt;
    ret->avoided = false;
}

struct search {
    const struct chunk_id *id;
    bool everywhere;         /* in packs that are excluded too */
    struct index_entry *all; /* NULL: the best copy is enough */
    size_t room, count;
};

/* 0: nothing better can come; 2: a delta, go on; 1: go on. */
static int take(struct search *s, const struct index_item *x, const struct index_pack *p,
                bool rebuilt, struct index_entry *ret)
{
    if (s->all == NULL) {
        fill(ret, x, p, rebuilt);
        return x->chunk.codec != CHUNK_DELTA ? 0 : 2;
    }
    if (s->count < s->room)
        fill(&s->all[s->count++], x, p, rebuilt);
    return 1;
}

/* 0: it lies there whole; 2: as a delta; 1: not, or all are wanted. */
static int find_pending(struct index *ix, struct search *s, struct index_entry *ret)
{
    const struct index_pending *p = ix->pending;
    const struct index_item *x;
    size_t at;
    int rc = 1;

    if (p == NULL || p->count == 0)
        return 1;
    at = index_pending_slot(p, s->id);
    while ((x = index_pending_find(p, s->id, &at)) != NULL) {
        const struct index_pack *pack = &p->packs[x->pack];
        if (!s->everywhere && index_pack_is_excluded(ix, &pack->name))
            continue;
        int here = take(s, x, pack, false, ret);
        if (here == 0)
            return 0;
        rc = here == 2 ? 2 : rc;
    }
    return rc;
}

/* The page where the first of an id would be: behind the last that begins below it. */
static size_t first_page(const struct index_table *t, uint64_t prefix)
{
    size_t low = 0, high = t->page_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->firsts[middle] < prefix)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

static int kept_page(struct index *ix, struct index_segment *g, size_t number,
                     struct index_kept_page **ret, struct err *e)
{
    uint64_t key = (uint64_t)g->serial << 32 | number;
    struct index_kept_page *p = index_pages_find(ix->pages, key);

    if (p == NULL) {
        p = mem_alloc(sizeof(*p));
        if (index_segment_page(g, ix->store, ix->keys, number, p->bytes, e) < 0) {
            free(p);
            return -1;
        }
        index_pages_add(ix->pages, key, p);
    }
    *ret = p;
    return 0;
}

/* As find_pending. */
static int find_in_page(const struct index_segment *g, const uint8_t *page, struct search *s,
                        struct index_entry *ret)
{
    struct index_page_at at = index_page_begin(page);
    struct index_item x;
    size_t passed;
    int rc = 1;

    while (index_page_seek(&at, s->id, &passed, &x)) {
        if (!s->everywhere && index_segment_excludes(g, x.pack))
            continue;
        int here = take(s, &x, &g->table.packs[x.pack], !g->stored, ret);
        if (here == 0)
            return 0;
        rc = here == 2 ? 2 : rc;
    }
    return rc;
}

static int find_in_segment(struct index *ix, struct index_segment *g, struct search *s,
                           struct index_entry *ret, struct err *e)
{
    uint64_t prefix = index_prefix(s->id);
    int rc = 1;

    if (g->filter.bytes != NULL && !index_filter_may_hold(&g->filter, s->id))
        return 1;
    for (size_t i = first_page(&g->table, prefix);
         i < g->table.page_count && g->table.firsts[i] <= prefix; i++) {
        struct index_kept_page *p;
        if (kept_page(ix, g, i, &p, e) < 0) /* who may only write has nothing but its cache */
            return ix->keys->write_only ? 1 : -1;
        int here = find_in_page(g, p->bytes, s, ret);
        index_pages_release(ix->pages, p);
        if (here == 0)
            return 0;
        rc = here == 2 ? 2 : rc;
    }
    return rc;
}

static int find_among(struct index *ix, struct search *s, struct index_entry *ret, struct err *e)
{
    struct index_entry found;
    int rc = find_pending(ix, s, ret);

    for (size_t i = 0; i < ix->segment_count && rc > 0; i++) {
        int here = find_in_segment(ix, ix->segments[i], s, &found, e);
        if (here == 0 || (here == 2 && rc == 1))
            *ret = found;
        if (here <= 0 || here == 2)
            rc = here;
    }
    return rc == 2 ? 0 : rc;
}

int index_find(struct index *ix, const struct chunk_id *id, struct index_entry *ret, struct err *e)
{
    struct search s = {.id = id};

    (void)pthread_rwlock_rdlock(&ix->lock);
    int rc = find_among(ix, &s, ret, e);
    if (rc == 1 && ix->excluded_are_last) {
        s.everywhere = true;
        rc = find_among(ix, &s, ret, e);
        ret->avoided = true;
    }
    (void)pthread_rwlock_unlock(&ix->lock);
    return rc;
}

int index_find_all(struct index *ix, const struct chunk_id *id, struct index_entry *ret,
                   size_t room, size_t *ret_count, struct err *e)
{
    struct search s = {.id = id, .all = ret, .room = room};
    struct index_entry unused;

    (void)pthread_rwlock_rdlock(&ix->lock);
    s.everywhere = ix->excluded_are_last;
    int rc = find_among(ix, &s, &unused, e);
    (void)pthread_rwlock_unlock(&ix->lock);
    *ret_count = s.count;
    return rc < 0 ? -1 : 0;
}

int index_ordinal(struct index *ix, const struct chunk_id *id, uint64_t *ret, struct err *e)
{
    struct index_segment *g = ix->segment_count == 1 ? ix->segments[0] : NULL;
    uint64_t prefix = index_prefix(id);
    struct index_item x;

    if (ix->segment_count == 0)
        return 1;
    if (g == NULL || g->local.fd < 0)
        return err_set(e, ERR_INTERNAL, "the index is not merged");
    if (g->filter.bytes != NULL && !index_filter_may_hold(&g->filter, id))
        return 1;
    for (size_t i = first_page(&g->table, prefix);
         i < g->table.page_count && g->table.firsts[i] <= prefix; i++) {
        struct index_kept_page *p;
        size_t passed;
        if (kept_page(ix, g, i, &p, e) < 0)
            return -1;
        struct index_page_at at = index_page_begin(p->bytes);
        bool found = index_page_seek(&at, id, &passed, &x);
        index_pages_release(ix->pages, p);
        if (found) {
            *ret = g->local.ordinals[i] + passed;
            return 0;
        }
    }
    return 1;
}
