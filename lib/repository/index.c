/* index.c — the happy path is: the names of segments are listed, their tables read from the cache
 * or the store, those that another one replaces left out, and what the cache lacks brought there.
 *
 * Failure modes: a segment vanishes while they are opened, because a pruner merged them: the list is
 * read again. The cache has no room: pages are read from the store. */
#include "lib/repository/index.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"
#include "lib/store/listing.h"

enum { TRIES = 4 };

struct listed {
    struct index_segment **items; /* owned, each owned */
    size_t count;
};

static void listed_deinit(struct listed *l)
{
    for (size_t i = 0; i < l->count; i++)
        index_segment_free(l->items[i]);
    free(l->items);
    *l = (struct listed){0};
}

int index_name_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pack_name));
}

static void add_name(struct pack_name **names, size_t *count, const struct pack_name *name)
{
    *names = mem_resize_array(*names, *count + 1, sizeof(**names));
    (*names)[(*count)++] = *name;
}

static struct index *index_new(struct store *s, const struct keys *k, const char *cache_dir)
{
    struct index *ix = mem_alloc(sizeof(*ix));

    ix->store = s;
    ix->keys = k;
    ix->dir = index_cache_dir(cache_dir);
    ix->pages = index_pages_new();
    if (pthread_rwlock_init(&ix->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return ix;
}

char *index_cache_dir(const char *cache_dir)
{
    return cache_dir == NULL ? NULL : mem_printf("%s/index", cache_dir);
}

static void drop_segments(struct index *ix)
{
    for (size_t i = 0; i < ix->segment_count; i++)
        index_segment_free(ix->segments[i]);
    ix->segment_count = 0;
    free(TAKE(ix->superseded));
    free(TAKE(ix->damaged));
    ix->superseded_count = ix->damaged_count = 0;
    strlist_deinit(&ix->problems);
    strlist_deinit(&ix->problem_objects);
}

void index_close(struct index *ix)
{
    if (ix == NULL)
        return;
    drop_segments(ix);
    free(ix->segments);
    free(ix->excluded);
    free(ix->dir);
    index_pages_free(ix->pages);
    (void)pthread_rwlock_destroy(&ix->lock);
    free(ix);
}

static bool segment_name(const char *object, struct pack_name *ret)
{
    char again[80];

    if (strlen(object) != strlen("index/") + 64 ||
        hex_decode(object + strlen("index/"), ret->bytes, sizeof(ret->bytes)) < 0)
        return false;
    index_segment_object(ret, again);
    return strcmp(again, object) == 0;
}

/* Every object below index/ that has the name of a segment. */
static int list_segments(struct index *ix, struct listed *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {
        .store = ix->store, .prefix = "index/", .fold = true};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        struct pack_name name;
        if (!segment_name(x->name, &name))
            continue;
        struct index_segment *g = index_segment_new();
        g->name = name;
        g->stored = true;
        g->object_len = x->size;
        ret->items = mem_resize_array(ret->items, ret->count + 1, sizeof(*ret->items));
        ret->items[ret->count++] = g;
    }
    return rc < 0 ? -1 : 0;
}

enum opened { NOT_YET, OPENED, UNKNOWN, BROKEN, GONE, FAILED };

static enum opened open_far(struct index *ix, struct index_segment *g, struct err *e)
{
    if (ix->keys->write_only)
        return UNKNOWN;
    if (index_segment_open(g, ix->store, ix->keys, e) == 0)
        return OPENED;
    (void)index_segment_wrap(&g->name, ix->store, e);
    if (e->code == ERR_DAMAGED)
        return BROKEN;
    return e->code == ERR_NOT_FOUND ? GONE : FAILED;
}

void index_leave_out(struct index *ix, struct index_segment *g, const struct err *e)
{
    char object[80];

    index_segment_object(&g->name, object);
    strlist_add(&ix->problem_objects, object);
    add_name(&ix->damaged, &ix->damaged_count, &g->name);
    strlist_add(&ix->problems, e->text);
    index_segment_free(g);
}

/* The file on this machine, with its filter; made again when it is wrong. 1: unknown then. */
static int settle_file(struct index *ix, struct index_segment *g, struct err *e)
{
    if (g->local.fd >= 0 && index_local_filter(&g->local, &g->filter, e) == 0)
        return 0;
    if (g->local.fd >= 0) {
        index_local_forget(&g->local);
        index_local_deinit(&g->local);
        if (ix->keys->write_only)
            return 1;
    }
    return ix->dir == NULL ? 0 : index_segment_bring(g, ix->store, ix->keys, ix->dir, e);
}

/* A segment that this index counts. 1: it vanished. */
static int settle(struct index *ix, struct index_segment *g, bool rebuild, size_t *unknown,
                  struct err *e)
{
    int rc = settle_file(ix, g, e);

    if (rc == 0) {
        index_take_segment(ix, g);
        return 0;
    }
    if (rc == 1) {
        index_segment_free(g);
        ++*unknown;
        return 0;
    }
    if (e->code == ERR_NOT_FOUND) {
        index_segment_free(g);
        return 1;
    }
    if (e->code == ERR_DAMAGED) {
        if (rebuild)
            index_leave_out(ix, g, e);
        else
            index_segment_free(g);
        return rebuild ? 0 : -1;
    }
    if (e->code == ERR_NO_SPACE || e->code == ERR_IO) { /* without a file, then */
        index_take_segment(ix, g);
        return 0;
    }
    index_segment_free(g);
    return -1;
}

/* Sorted: what any of them replaces. Owned. */
static struct pack_name *replaced(const struct listed *l, size_t *ret_count)
{
    struct pack_name *names = NULL;

    *ret_count = 0;
    for (size_t i = 0; i < l->count; i++)
        for (size_t j = 0; l->items[i] != NULL && j < l->items[i]->table.replace_count; j++)
            add_name(&names, ret_count, &l->items[i]->table.replaces[j]);
    if (*ret_count > 0)
        qsort(names, *ret_count, sizeof(*names), index_name_compare);
    return names;
}

static bool is_in(const struct pack_name *sorted, size_t count, const struct pack_name *name)
{
    return count > 0 && bsearch(name, sorted, count, sizeof(*sorted), index_name_compare) != NULL;
}

/* Those that have a file here first: what they replace need not be looked at. 1: one vanished. */
static int open_tables(struct index *ix, struct listed *l, enum opened *how, struct err *why,
                       struct err *e)
{
    _cleanup_free_ struct pack_name *gone = NULL;
    size_t gone_count;

    for (size_t i = 0; i < l->count; i++) {
        struct index_segment *g = l->items[i];
        if (index_local_open(ix->dir, &g->name, &g->local, &g->table, e) == 0)
            how[i] = OPENED;
    }
    gone = replaced(l, &gone_count);
    for (size_t i = 0; i < l->count; i++) {
        if (how[i] != NOT_YET || is_in(gone, gone_count, &l->items[i]->name))
            continue;
        how[i] = open_far(ix, l->items[i], e);
        if (how[i] == GONE || how[i] == FAILED)
            return how[i] == GONE ? 1 : -1;
        if (how[i] == BROKEN)
            why[i] = *e;
    }
    return 0;
}

/* What another one replaces does not count, and takes no memory any more. */
static void drop_superseded(struct index *ix, struct listed *l)
{
    size_t gone_count;
    _cleanup_free_ struct pack_name *gone = replaced(l, &gone_count);

    for (size_t i = 0; i < l->count; i++)
        if (is_in(gone, gone_count, &l->items[i]->name)) {
            add_name(&ix->superseded, &ix->superseded_count, &l->items[i]->name);
            index_segment_free(TAKE(l->items[i]));
        }
}

/* 1: something vanished meanwhile. */
static int open_all(struct index *ix, struct listed *l, bool rebuild, size_t *unknown,
                    struct err *e)
{
    _cleanup_free_ enum opened *how = mem_alloc(l->count * sizeof(*how));
    _cleanup_free_ struct err *why = mem_alloc(l->count * sizeof(*why));
    int rc = open_tables(ix, l, how, why, e);

    if (rc == 0)
        drop_superseded(ix, l);
    for (size_t i = 0; i < l->count && rc == 0; i++) {
        if (l->items[i] == NULL)
            continue;
        if (how[i] == UNKNOWN) {
            ++*unknown;
        } else if (how[i] == OPENED) {
            rc = settle(ix, TAKE(l->items[i]), rebuild, unknown, e);
        } else if (rebuild) {
            index_leave_out(ix, TAKE(l->items[i]), &why[i]);
        } else {
            *e = why[i];
            rc = -1;
        }
    }
    return rc;
}

/* Files of segments that are at the store no more. */
static void sweep(struct index *ix, const struct listed *l)
{
    _cleanup_free_ struct pack_name *names = NULL;
    size_t count = 0;

    for (size_t i = 0; i < l->count; i++)
        add_name(&names, &count, &l->items[i]->name);
    if (ix->dir != NULL)
        index_local_sweep(ix->dir, names, count);
}

static int open_with_retries(struct index *ix, bool rebuild, size_t *unknown, struct err *e)
{
    int rc = 1;

    for (int i = 0; i < TRIES && rc == 1; i++) {
        _cleanup_(listed_deinit) struct listed l = {0};
        drop_segments(ix);
        *unknown = 0;
        rc = list_segments(ix, &l, e);
        if (rc == 0)
            sweep(ix, &l);
        if (rc == 0)
            rc = open_all(ix, &l, rebuild, unknown, e);
    }
    return rc == 1 ? err_wrap(e, "index segments keep vanishing") : rc;
}

int index_open(struct store *s, const struct keys *k, const char *cache_dir, bool rebuild,
               struct index **ret, size_t *ret_unknown, struct err *e)
{
    struct index *ix = index_new(s, k, cache_dir);
    size_t unknown = 0;
    struct err mine;

    e = e != NULL ? e : &mine;
    if (open_with_retries(ix, rebuild, &unknown, e) < 0 || (rebuild && index_rebuild(ix, e) < 0)) {
        index_close(ix);
        return -1;
    }
    if (ret_unknown != NULL)
        *ret_unknown = unknown;
    *ret = ix;
    return 0;
}

bool index_pack_is_excluded(const struct index *ix, const struct pack_name *p)
{
    return is_in(ix->excluded, ix->excluded_count, p);
}

static void mark_excluded(struct index *ix, struct index_segment *g)
{
    for (size_t i = 0; i < g->table.pack_count && ix->excluded_count > 0; i++) {
        if (!index_pack_is_excluded(ix, &g->table.packs[i].name))
            continue;
        if (g->excluded == NULL)
            g->excluded = mem_alloc(g->table.pack_count / 8 + 1);
        g->excluded[i / 8] |= (uint8_t)(1U << (i % 8));
    }
}

void index_take_segment(struct index *ix, struct index_segment *g)
{
    g->serial = ix->next_serial++;
    mark_excluded(ix, g);
    ix->segments = mem_resize_array(ix->segments, ix->segment_count + 1, sizeof(*ix->segments));
    ix->segments[ix->segment_count++] = g;
}

void index_avoid(struct index *ix, const struct pack_name *packs, size_t count)
{
    index_exclude(ix, packs, count);
    (void)pthread_rwlock_wrlock(&ix->lock);
    ix->excluded_are_last = true;
    (void)pthread_rwlock_unlock(&ix->lock);
}

void index_exclude(struct index *ix, const struct pack_name *packs, size_t count)
{
    (void)pthread_rwlock_wrlock(&ix->lock);
    for (size_t i = 0; i < count; i++)
        add_name(&ix->excluded, &ix->excluded_count, &packs[i]);
    if (ix->excluded_count > 0)
        qsort(ix->excluded, ix->excluded_count, sizeof(*ix->excluded), index_name_compare);
    for (size_t i = 0; i < ix->segment_count; i++)
        mark_excluded(ix, ix->segments[i]);
    (void)pthread_rwlock_unlock(&ix->lock);
}

uint64_t index_count(const struct index *ix)
{
    uint64_t count = ix->pending != NULL ? ix->pending->count : 0;

    for (size_t i = 0; i < ix->segment_count; i++)
        count += index_segment_count(ix->segments[i]);
    return count;
}

bool index_is_rebuilt(const struct index *ix)
{
    for (size_t i = 0; i < ix->segment_count; i++)
        if (!ix->segments[i]->stored)
            return true;
    return false;
}

const struct strlist *index_problems(const struct index *ix)
{
    return &ix->problems;
}

const struct strlist *index_problem_objects(const struct index *ix)
{
    return &ix->problem_objects;
}

void index_superseded(const struct index *ix, const struct pack_name **ret, size_t *ret_count)
{
    *ret = ix->superseded;
    *ret_count = ix->superseded_count;
}

int index_localize(struct index *ix, struct err *e)
{
    for (size_t i = 0; i < ix->segment_count; i++)
        if (ix->segments[i]->local.fd < 0 &&
            index_segment_bring(ix->segments[i], ix->store, ix->keys, ix->dir, e) < 0)
            return -1;
    return 0;
}
