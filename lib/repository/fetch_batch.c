/* fetch_batch.c — the happy path is: what a batch needs, bases included, is sorted by where it lies; what
 * lies close together is read as one; boxes are opened in place, bases decoded, then the chunks.
 *
 * Failure modes: what is not as it was written is read from another copy (fetch_copies.c); without one it is
 * ERR_DAMAGED and names the chunk and its pack. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum {
    GAP_MAX = 64 << 10,  /* read along rather than asked for apart */
    RANGE_MAX = 4 << 20, /* of several boxes; one alone may be longer */
};

struct box { /* one that is to be read */
    const struct index_entry *at;
    uint8_t *bytes; /* in a range's buffer; opened, the stored form */
};

struct ranges {
    uint8_t **buffers; /* owned, each owned */
    size_t count;
};

static int look_up(struct fetcher *f, const struct chunk_id *id, struct index_entry *ret,
                   struct err *e)
{
    char hex[65];
    struct err mine;

    e = e != NULL ? e : &mine;
    int rc = index_find(f->index, id, ret, e);
    if (rc == 1 || (rc == 0 && ret->avoided) ||
        (rc < 0 && e->code == ERR_DAMAGED)) { /* the packs know it as well */
        if (index_search_packs(f->index, e) < 0)
            return -1;
        rc = index_find(f->index, id, ret, e);
    }
    if (rc <= 0)
        return rc;
    chunk_id_hex(id, hex);
    return err_set(e, ERR_NOT_FOUND, "%s: no pack that is there holds chunk %s",
                   store_place(f->repository->store), hex);
}

static struct fetch_piece *add(struct fetch_piece **pieces, size_t *count, size_t *room)
{
    if (*count == *room) {
        *room = *room == 0 ? 8 : 2 * *room;
        *pieces = mem_resize_array(*pieces, *room, sizeof(**pieces));
    }
    (*pieces)[*count] = (struct fetch_piece){.base = -1};
    return &(*pieces)[(*count)++];
}

static int add_base(struct fetcher *f, struct fetch_batch *b, const struct index_entry *of,
                    ssize_t *ret, struct err *e)
{
    struct index_entry x;

    for (size_t i = 0; i < b->base_count; i++)
        if (chunk_id_equal(&b->bases[i].at.chunk.id, &of->chunk.base)) {
            *ret = (ssize_t)i;
            return 0;
        }
    if (look_up(f, &of->chunk.base, &x, e) < 0)
        return err_wrap(e, "its base");
    if (x.chunk.codec == CHUNK_DELTA || x.chunk.kind != of->chunk.kind)
        return err_set(e, ERR_DAMAGED, "its base is none");
    struct fetch_piece *p = add(&b->bases, &b->base_count, &b->base_room);
    p->at = x;
    p->plain_at = b->base_len;
    b->base_len += x.chunk.length;
    b->stored_len += x.chunk.stored + SEAL_TAG_LEN;
    *ret = (ssize_t)b->base_count - 1;
    return 0;
}

int fetch_batch_add(struct fetcher *f, struct fetch_batch *b, const struct chunk_ref *ref,
                    enum chunk_kind kind, struct err *e)
{
    const struct fetch_piece *before = b->count > 0 ? &b->pieces[b->count - 1] : NULL;
    struct fetch_piece piece = {.base = -1};

    if (before != NULL && chunk_id_equal(&before->at.chunk.id, &ref->id) &&
        before->at.chunk.length == ref->length) { /* zeros, mostly */
        piece = *before;
        piece.repeated = true;
        *add(&b->pieces, &b->count, &b->room) = piece;
        return 0;
    }
    if (look_up(f, &ref->id, &piece.at, e) < 0)
        return -1;
    if (piece.at.chunk.length != ref->length || piece.at.chunk.kind != kind) {
        (void)err_set(e, ERR_DAMAGED, "its length or kind is not what the list says");
        return fetch_wrap(f, &piece.at, e);
    }
    if (piece.at.chunk.codec == CHUNK_DELTA && add_base(f, b, &piece.at, &piece.base, e) < 0)
        return fetch_wrap(f, &piece.at, e);
    piece.plain_at = b->plain_len;
    b->plain_len += ref->length;
    b->stored_len += piece.at.chunk.stored + SEAL_TAG_LEN;
    *add(&b->pieces, &b->count, &b->room) = piece;
    return 0;
}

size_t fetch_batch_cost(const struct fetch_batch *b)
{
    return b->plain_len + b->base_len + b->stored_len + b->stored_len / 4;
}

static int box_compare(const void *a, const void *b)
{
    const struct index_entry *x = (*(struct box *const *)a)->at, *y = (*(struct box *const *)b)->at;
    int order = memcmp(&x->pack, &y->pack, sizeof(x->pack));

    if (order != 0)
        return order;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint64_t end_of(const struct index_entry *x)
{
    return (uint64_t)x->offset + x->chunk.stored + SEAL_TAG_LEN;
}

/* How many of the sorted boxes are read as one. */
static size_t range_of(struct box *const *boxes, size_t count, uint64_t *ret_end)
{
    const struct index_entry *first = boxes[0]->at;
    size_t n = 1;

    *ret_end = end_of(first);
    for (; n < count; n++) {
        const struct index_entry *x = boxes[n]->at;
        uint64_t end = end_of(x) > *ret_end ? end_of(x) : *ret_end;
        if (memcmp(&x->pack, &first->pack, sizeof(x->pack)) != 0 ||
            x->offset > *ret_end + GAP_MAX || end - first->offset > RANGE_MAX)
            break;
        *ret_end = end;
    }
    return n;
}

static int read_range(struct fetcher *f, struct ranges *r, struct box *const *boxes, size_t count,
                      uint64_t end, struct err *e)
{
    const struct index_entry *first = boxes[0]->at;
    size_t len = (size_t)(end - first->offset);
    struct seal_box *key;
    int rc = 0;

    uint8_t *buffer = r->buffers[r->count++] = mem_resize(NULL, len); /* zeroing would cost */
    if (fetch_pack_bytes(f, &first->pack, first->offset, buffer, len, e) < 0 ||
        fetch_pack_box(f, &first->pack, &key, e) < 0)
        return fetch_wrap(f, first, e);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct box *b = boxes[i];
        b->bytes = buffer + (b->at->offset - first->offset);
        if (i > 0 && boxes[i - 1]->at->offset == b->at->offset) /* opened already */
            rc = boxes[i - 1]->at->chunk.stored == b->at->chunk.stored
                     ? 0
                     : err_set(e, ERR_DAMAGED, "the index knows two lengths of it");
        else
            rc = pack_unbox(key, b->at->offset, b->bytes, b->at->chunk.stored, b->bytes, e);
        if (rc < 0)
            (void)fetch_wrap(f, b->at, e);
    }
    seal_box_free(key);
    return rc;
}

static int read_boxes(struct fetcher *f, struct box *boxes, size_t count, struct ranges *r,
                      struct err *e)
{
    _cleanup_free_ struct box **sorted = mem_alloc(count * sizeof(*sorted));
    size_t wanted = 0, n;
    uint64_t end;

    for (size_t i = 0; i < count; i++)
        if (boxes[i].at != NULL)
            sorted[wanted++] = &boxes[i];
    qsort(sorted, wanted, sizeof(*sorted), box_compare);
    r->buffers = mem_alloc(wanted * sizeof(*r->buffers));
    for (size_t i = 0; i < wanted; i += n) {
        n = range_of(sorted + i, wanted - i, &end);
        if (read_range(f, r, sorted + i, n, end, e) < 0)
            return -1;
    }
    return 0;
}

static int decode(struct fetcher *f, struct chunk_coder *c, const struct fetch_piece *p,
                  const uint8_t *stored, const struct fetch_batch *b, const uint8_t *base_plain,
                  uint8_t *out, struct err *e)
{
    const struct fetch_piece *base = p->base >= 0 ? &b->bases[p->base] : NULL;

    if (chunk_decode(c, &p->at.chunk, stored, base == NULL ? NULL : base_plain + base->plain_at,
                     base == NULL ? 0 : base->at.chunk.length, out, e) < 0)
        return fetch_wrap(f, &p->at, e);
    return 0;
}

static int decode_all(struct fetcher *f, struct fetch_batch *b, const struct box *boxes,
                      struct err *e)
{
    _cleanup_free_ uint8_t *base_plain = mem_resize(NULL, b->base_len);
    struct chunk_coder *c;
    int rc = 0;

    if (fetch_take_coder(f, &c, e) < 0)
        return -1;
    for (size_t i = 0; i < b->base_count && rc == 0; i++)
        rc = decode(f, c, &b->bases[i], boxes[b->count + i].bytes, b, NULL,
                    base_plain + b->bases[i].plain_at, e);
    for (size_t i = 0; i < b->count && rc == 0; i++)
        if (!b->pieces[i].repeated)
            rc = decode(f, c, &b->pieces[i], boxes[i].bytes, b, base_plain,
                        b->plain + b->pieces[i].plain_at, e);
    fetch_give_coder(f, c);
    return rc;
}

static int run(struct fetcher *f, struct fetch_batch *b, struct err *e)
{
    size_t count = b->count + b->base_count;
    _cleanup_free_ struct box *boxes = mem_alloc(count * sizeof(*boxes));
    struct ranges r = {0};

    for (size_t i = 0; i < b->count; i++)
        boxes[i].at = b->pieces[i].repeated ? NULL : &b->pieces[i].at;
    for (size_t i = 0; i < b->base_count; i++)
        boxes[b->count + i].at = &b->bases[i].at;
    b->plain = mem_resize(NULL, b->plain_len);
    int rc = read_boxes(f, boxes, count, &r, e);
    if (rc == 0)
        rc = decode_all(f, b, boxes, e);
    for (size_t i = 0; i < r.count; i++)
        free(r.buffers[i]);
    free(r.buffers);
    return rc;
}

int fetch_batch_run(struct fetcher *f, struct fetch_batch *b, struct err *e)
{
    struct err mine;

    e = e != NULL ? e : &mine;
    return run(f, b, e) == 0 ? 0 : fetch_batch_mend(f, b, e);
}

void fetch_batch_deinit(struct fetch_batch *b)
{
    free(b->pieces);
    free(b->bases);
    free(b->plain);
    *b = (struct fetch_batch){0};
}
