/* fetch_copies.c — a chunk of which one copy is damaged, from any other that is whole: what damaged packs held
 * is stored again by the next backup, and must be found without anybody's list of damaged packs.
 *
 * Failure modes: no copy is whole: the caller keeps the error of the first. The store fails: that. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum { COPIES_MAX = 16 };

static bool is_loss(const struct err *e)
{
    return e->code == ERR_DAMAGED || e->code == ERR_NOT_FOUND;
}

static int any_copy(struct fetcher *f, const struct chunk_id *id, enum chunk_kind kind, bool whole,
                    uint8_t **ret, uint32_t *ret_len, struct err *e);

static int one_copy(struct fetcher *f, const struct index_entry *x, uint8_t *out, struct err *e)
{
    _cleanup_free_ uint8_t *stored = mem_alloc(x->chunk.stored + SEAL_TAG_LEN), *base = NULL;
    struct seal_box *key = NULL;
    struct chunk_coder *coder = NULL;
    uint32_t base_len = 0;
    int rc = fetch_pack_bytes(f, &x->pack, x->offset, stored, x->chunk.stored + SEAL_TAG_LEN, e);

    if (rc == 0)
        rc = fetch_pack_box(f, &x->pack, &key, e);
    if (rc == 0)
        rc = pack_unbox(key, x->offset, stored, x->chunk.stored, stored, e);
    if (rc == 0 && x->chunk.codec == CHUNK_DELTA)
        rc = any_copy(f, &x->chunk.base, x->chunk.kind, true, &base, &base_len, e);
    if (rc == 0)
        rc = fetch_take_coder(f, &coder, e);
    if (rc == 0)
        rc = chunk_decode(coder, &x->chunk, stored, base, base_len, out, e);
    fetch_give_coder(f, coder);
    seal_box_free(key);
    return rc;
}

/* whole: not as a delta; that of a delta's base. *ret owned. */
static int any_copy(struct fetcher *f, const struct chunk_id *id, enum chunk_kind kind, bool whole,
                    uint8_t **ret, uint32_t *ret_len, struct err *e)
{
    _cleanup_free_ struct index_entry *copies = mem_alloc(COPIES_MAX * sizeof(*copies));
    size_t count;

    if (index_find_all(f->index, id, copies, COPIES_MAX, &count, e) < 0)
        return -1;
    (void)err_set(e, ERR_DAMAGED, "no copy of it is whole");
    for (size_t i = 0; i < count; i++) {
        const struct chunk_entry *x = &copies[i].chunk;
        if (x->kind != kind || (whole && x->codec == CHUNK_DELTA))
            continue;
        _cleanup_free_ uint8_t *plain = mem_alloc(x->length);
        if (one_copy(f, &copies[i], plain, e) == 0) {
            *ret = TAKE(plain);
            *ret_len = x->length;
            return 0;
        }
        if (!is_loss(e))
            return -1;
    }
    return -1;
}

static int mend_piece(struct fetcher *f, const struct fetch_piece *p, uint8_t *out, struct err *e)
{
    const struct chunk_entry *x = &p->at.chunk;
    _cleanup_free_ uint8_t *plain = NULL;
    uint32_t len;

    if (any_copy(f, &x->id, x->kind, false, &plain, &len, e) < 0)
        return fetch_wrap(f, &p->at, e);
    if (len != x->length)
        return err_set(e, ERR_DAMAGED, "copies of one chunk differ in length");
    memcpy(out, plain, len);
    return 0;
}

int fetch_batch_mend(struct fetcher *f, struct fetch_batch *b, struct err *e)
{
    const struct err first = *e;

    if (!is_loss(&first) || index_search_packs(f->index, e) < 0)
        return -1;
    for (size_t i = 0; i < b->count; i++) {
        const struct fetch_piece *p = &b->pieces[i];
        if (!p->repeated && mend_piece(f, p, b->plain + p->plain_at, e) < 0) {
            if (is_loss(e))
                *e = first;
            return -1;
        }
    }
    (void)pthread_mutex_lock(&f->lock);
    if (f->mended_batches++ == 0)
        f->mended_first = first;
    (void)pthread_mutex_unlock(&f->lock);
    return 0;
}
