#include "lib/repository/fetch.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

int fetcher_open(struct fetcher **ret, const struct repository *r, struct index *index, int threads,
                 struct err *e)
{
    struct fetcher *f;

    if (r->keys->write_only)
        return err_set(e, ERR_KEY,
                       "%s: the key at hand may only write: restore, verify and look inside with "
                       "one that may read (synbakctl key list)",
                       store_place(r->store));
    f = mem_alloc(sizeof(*f));
    f->repository = r;
    f->index = index;
    f->threads = threads < 1 ? 1 : threads;
    f->headers = mem_alloc(FETCH_HEADERS * sizeof(*f->headers));
    if (pthread_mutex_init(&f->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    *ret = f;
    return 0;
}

void fetcher_close(struct fetcher *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->coder_count; i++)
        chunk_coder_free(f->coders[i]);
    free(f->headers);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

int fetch_wrap(const struct fetcher *f, const struct index_entry *x, struct err *e)
{
    char hex[65], object[80];

    chunk_id_hex(&x->chunk.id, hex);
    pack_object_name(&x->pack, object);
    return err_wrap(e, "%s: chunk %s in %s", store_place(f->repository->store), hex, object);
}

int fetch_pack_bytes(struct fetcher *f, const struct pack_name *pack, uint64_t offset, void *data,
                     size_t len, struct err *e)
{
    char object[80];
    size_t done = 0, got;
    struct err mine;

    e = e != NULL ? e : &mine;
    pack_object_name(pack, object);
    while (done < len) {
        if (store_get(f->repository->store, object, offset + done, (uint8_t *)data + done,
                      len - done, &got, e) < 0)
            return e->code == ERR_NOT_FOUND ? err_set(e, ERR_DAMAGED, "the pack is missing") : -1;
        if (got == 0)
            return err_set(e, ERR_DAMAGED, "the pack ends early");
        done += got;
    }
    return 0;
}

int fetch_pack_box(struct fetcher *f, const struct pack_name *pack, struct seal_box **ret,
                   struct err *e)
{
    struct fetch_header *slot = &f->headers[pack->bytes[0] % FETCH_HEADERS];
    struct fetch_header h = {.pack = *pack, .used = true};
    enum object_class class;
    struct err mine;

    e = e != NULL ? e : &mine;
    (void)pthread_mutex_lock(&f->lock);
    bool found = slot->used && memcmp(&slot->pack, pack, sizeof(*pack)) == 0;
    if (found)
        h = *slot;
    (void)pthread_mutex_unlock(&f->lock);
    if (!found && fetch_pack_bytes(f, pack, 0, h.bytes, sizeof(h.bytes), e) < 0)
        return -1;
    if (pack_open(f->repository->keys, h.bytes, ret, &class, e) < 0)
        return e->code == ERR_FORMAT ? err_set(e, ERR_DAMAGED, "the pack is none") : -1;
    (void)pthread_mutex_lock(&f->lock);
    *slot = h;
    (void)pthread_mutex_unlock(&f->lock);
    return 0;
}

int fetch_take_coder(struct fetcher *f, struct chunk_coder **ret, struct err *e)
{
    (void)pthread_mutex_lock(&f->lock);
    *ret = f->coder_count > 0 ? f->coders[--f->coder_count] : NULL;
    (void)pthread_mutex_unlock(&f->lock);
    return *ret != NULL ? 0 : chunk_coder_new(f->repository->keys, ret, e);
}

void fetch_give_coder(struct fetcher *f, struct chunk_coder *c)
{
    (void)pthread_mutex_lock(&f->lock);
    if (c != NULL && f->coder_count < FETCH_CODERS)
        f->coders[f->coder_count++] = TAKE(c);
    (void)pthread_mutex_unlock(&f->lock);
    chunk_coder_free(c);
}

size_t fetcher_mended(struct fetcher *f, struct err *ret_first)
{
    (void)pthread_mutex_lock(&f->lock);
    const size_t batches = f->mended_batches;
    *ret_first = f->mended_first;
    (void)pthread_mutex_unlock(&f->lock);
    return batches;
}

int fetcher_chunk(struct fetcher *f, const struct chunk_ref *ref, enum chunk_kind kind, void *out,
                  struct err *e)
{
    struct fetch_batch b = {0};
    int rc = fetch_batch_add(f, &b, ref, kind, e);

    if (rc == 0)
        rc = fetch_batch_run(f, &b, e);
    if (rc == 0)
        memcpy(out, b.plain, ref->length);
    fetch_batch_deinit(&b);
    return rc;
}
