/* index_rebuild.c — the happy path is: packs are listed; of those that no segment names, header and tail
 * are read, several under way where the store is far, and their directories become segments in nameless files.
 *
 * Failure modes: a pack that cannot be read is a problem, and left out. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"
#include "lib/store/listing.h"
#include "lib/store/read_ahead.h"

enum { TAIL = PACK_ALIGN, SEGMENT_ENTRIES = 131072 };

struct unknown { /* a pack that no segment names */
    struct pack_name name;
    uint64_t len;
};

struct rebuild {
    struct index *ix;
    struct unknown *packs; /* owned */
    size_t count, room;
    size_t asked; /* ranges; two a pack: its header, its tail */
    struct index_pending pending;
};

static void find_known(struct index *ix, struct pack_name **ret, size_t *ret_count)
{
    size_t total = 0, count = 0;

    for (size_t i = 0; i < ix->segment_count; i++)
        total += ix->segments[i]->table.pack_count;
    *ret = mem_alloc(total * sizeof(**ret));
    for (size_t i = 0; i < ix->segment_count; i++)
        for (size_t j = 0; j < ix->segments[i]->table.pack_count; j++)
            (*ret)[count++] = ix->segments[i]->table.packs[j].name;
    qsort(*ret, count, sizeof(**ret), index_name_compare);
    *ret_count = count;
}

static void add_unknown(struct rebuild *r, const struct pack_name *name, uint64_t len)
{
    if (r->count == r->room) {
        r->room = r->room == 0 ? 64 : 2 * r->room;
        r->packs = mem_resize_array(r->packs, r->room, sizeof(*r->packs));
    }
    r->packs[r->count++] = (struct unknown){*name, len};
}

static int list_unknown(struct rebuild *r, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = r->ix->store,
                                                                 .prefix = "packs/"};
    _cleanup_free_ struct pack_name *known = NULL;
    struct store_object *x;
    size_t known_count;
    int rc;

    find_known(r->ix, &known, &known_count);
    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        struct pack_name name;
        if (pack_name_parse(x->name, &name, NULL) == 0 &&
            (known_count == 0 ||
             bsearch(&name, known, known_count, sizeof(name), index_name_compare) == NULL))
            add_unknown(r, &name, x->size);
    }
    return rc < 0 ? -1 : 0;
}

static int next_range(void *arg, struct store_range *ret)
{
    struct rebuild *r = arg;
    char object[80];

    if (r->asked == 2 * r->count)
        return 1;
    const struct unknown *p = &r->packs[r->asked / 2];
    pack_object_name(&p->name, object);
    ret->name = mem_strdup(object);
    ret->offset = r->asked % 2 == 0 || p->len < TAIL ? 0 : p->len - TAIL;
    ret->len = r->asked % 2 == 0 ? OBJECT_HEADER_LEN : TAIL;
    r->asked++;
    return 0;
}

/* The directory, from the tail that was read or from a longer one. */
static int read_directory(struct rebuild *r, const struct unknown *p, struct seal_box *box,
                          const uint8_t *tail, size_t len, struct pack_directory *ret,
                          struct err *e)
{
    size_t need, got;
    char object[80];
    int rc = pack_directory_read(box, p->len, tail, len, ret, &need, e);

    if (rc != 1)
        return rc;
    if (need > p->len)
        return err_set(e, ERR_DAMAGED, "it is shorter than its directory");
    _cleanup_free_ uint8_t *more = mem_alloc(need);
    pack_object_name(&p->name, object);
    if (store_get(r->ix->store, object, p->len - need, more, need, &got, e) < 0)
        return -1;
    rc = pack_directory_read(box, p->len, more, got, ret, &need, e);
    return rc == 1 ? err_set(e, ERR_DAMAGED, "it ends early") : rc;
}

static int take_pack(struct rebuild *r, const struct unknown *p,
                     const uint8_t header[OBJECT_HEADER_LEN], const uint8_t *tail, size_t len,
                     struct err *e)
{
    struct index_pack pack = {.name = p->name, .len = (uint32_t)p->len};
    struct pack_directory d = {0};
    enum object_class class;
    struct seal_box *box;

    if (pack_open(r->ix->keys, header, &box, &class, e) < 0)
        return -1;
    int rc = read_directory(r, p, box, tail, len, &d, e);
    seal_box_free(box);
    if (rc == 0 && d.count > 0) {
        for (size_t i = 0; i < d.count; i++)
            pack.chunk_bytes += d.entries[i].stored + SEAL_TAG_LEN;
        index_pending_add_pack(&r->pending, &pack);
        for (size_t i = 0; i < d.count; i++)
            index_pending_add(&r->pending,
                              &(struct index_item){.chunk = d.entries[i], .offset = d.offsets[i]});
    }
    pack_directory_deinit(&d);
    return rc;
}

static int flush(struct rebuild *r, struct err *e)
{
    struct index_segment *g;

    if (r->pending.count == 0)
        return 0;
    g = index_segment_new();
    if (index_pending_write(&r->pending, NULL, g, e) < 0) {
        index_segment_free(g);
        return -1;
    }
    index_take_segment(r->ix, g);
    index_pending_clear(&r->pending);
    return 0;
}

/* What is wrong with one pack does not keep the others away. */
static int note(struct rebuild *r, const struct unknown *p, struct err *e)
{
    char object[80];

    if (e->code != ERR_DAMAGED && e->code != ERR_FORMAT && e->code != ERR_KEY &&
        e->code != ERR_NOT_FOUND)
        return -1;
    pack_object_name(&p->name, object);
    (void)err_wrap(e, "%s: %s", store_place(r->ix->store), object);
    if (e->code == ERR_NOT_FOUND) /* deleted meanwhile */
        return 0;
    strlist_add(&r->ix->problems, e->text);
    strlist_add(&r->ix->problem_objects, object);
    return 0;
}

static int read_pack(struct rebuild *r, const struct unknown *p, struct read_ahead *ra,
                     struct err *e)
{
    uint8_t header[OBJECT_HEADER_LEN] = {0};
    const uint8_t *data;
    size_t len;

    if (read_ahead_next(ra, &data, &len, e) < 0)
        return -1;
    memcpy(header, data, len);
    if (read_ahead_next(ra, &data, &len, e) < 0)
        return -1;
    return take_pack(r, p, header, data, len, e);
}

static int read_all(struct rebuild *r, struct err *e)
{
    struct read_ahead *ra = read_ahead_new(r->ix->store, TAIL, next_range, r);
    int rc = 0;

    for (size_t i = 0; i < r->count && rc == 0; i++) {
        rc = read_pack(r, &r->packs[i], ra, e);
        if (rc < 0) {
            rc = note(r, &r->packs[i], e);
            read_ahead_free(ra); /* it hands out an error again and again */
            r->asked = 2 * (i + 1);
            ra = read_ahead_new(r->ix->store, TAIL, next_range, r);
        }
        if (rc == 0 && r->pending.count >= SEGMENT_ENTRIES)
            rc = flush(r, e);
    }
    read_ahead_free(ra);
    return rc < 0 ? -1 : flush(r, e);
}

int index_rebuild(struct index *ix, struct err *e)
{
    struct rebuild r = {.ix = ix};
    int rc = 0;

    if (!ix->keys->write_only)
        rc = list_unknown(&r, e);
    if (rc == 0 && r.count > 0)
        rc = read_all(&r, e);
    index_pending_deinit(&r.pending);
    free(r.packs);
    return rc;
}

/* Nobody has looked at all pages of those that are read from the store. 1: one is damaged. */
static int check_pages(struct index *ix, struct index_segment *g, struct err *e)
{
    _cleanup_free_ uint8_t *page = mem_alloc(INDEX_PAGE);

    for (size_t i = 0; i < g->table.page_count; i++)
        if (index_segment_page(g, ix->store, ix->keys, i, page, e) < 0)
            return e->code == ERR_DAMAGED || e->code == ERR_NOT_FOUND ? 1 : -1;
    return 0;
}

static int leave_out_damaged(struct index *ix, struct err *e)
{
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < ix->segment_count; i++) {
        struct index_segment *g = ix->segments[i];
        struct err why = {0};
        int here = rc == 0 ? check_pages(ix, g, &why) : 0;
        if (here == 1)
            index_leave_out(ix, g, &why);
        else
            ix->segments[kept++] = g;
        if (here < 0) {
            *e = why;
            rc = -1;
        }
    }
    ix->segment_count = kept;
    return rc;
}

int index_search_packs(struct index *ix, struct err *e)
{
    struct err mine;
    int rc = 0;

    e = e != NULL ? e : &mine;
    (void)pthread_rwlock_wrlock(&ix->lock);
    if (!ix->searched)
        rc = leave_out_damaged(ix, e);
    if (!ix->searched && rc == 0)
        rc = index_rebuild(ix, e);
    ix->searched |= rc == 0;
    (void)pthread_rwlock_unlock(&ix->lock);
    return rc;
}
