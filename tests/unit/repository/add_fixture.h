/* add_fixture.h — what the tests of the writing pipeline share: a repository without its logs on a
 * store, something added, and everything read back by the pieces alone. */
#pragma once

#include "lib/repository/add.h"
#include "tests/lib/memory_store.h"
#include "tests/unit/repository/keys_fixture.h"

struct add_world {
    struct store *store;
    struct repository repository;
    struct index *index;
    struct adder_replica replicas[4];
    size_t replica_count;
    struct chunk_coder *coder;
    struct adder *adder;
    struct err e;
};

static inline void world_open_index(struct add_world *w)
{
    if (w->index != NULL)
        index_close(w->index);
    w->index = NULL;
    ASSERT_OK(index_open(w->store, w->repository.keys, w->repository.cache_dir, false, &w->index,
                         NULL, &w->e),
              w->e);
}

/* Takes s and keys. cache_dir: NULL: none; borrowed. */
static inline struct add_world *world_open_with(struct store *s, struct keys *keys, char *cache_dir)
{
    struct add_world *w = mem_alloc(sizeof(*w));

    w->store = s;
    w->repository.store = s;
    w->repository.keys = keys;
    w->repository.cache_dir = cache_dir;
    w->replicas[0].store = s;
    w->replica_count = 1;
    ASSERT_OK(chunk_coder_new(w->repository.keys, &w->coder, &w->e), w->e);
    world_open_index(w);
    return w;
}

static inline struct add_world *world_open(struct store *s)
{
    return world_open_with(s, make_keys(), NULL);
}

static inline void world_close(struct add_world *w)
{
    index_close(w->index);
    chunk_coder_free(w->coder);
    keys_free(w->repository.keys);
    store_close(w->store);
    free(w);
}

static inline int world_begin(struct add_world *w)
{
    return adder_open(&w->adder, &w->repository, w->index, w->replicas, w->replica_count, 2, &w->e);
}

/* What the index says of an id, and the pack's bytes of it as they were. -1: not there or damaged. */
static inline int read_chunk(struct add_world *w, struct store *s, const struct chunk_id *id,
                             bool want_whole, struct index_entry *x, uint8_t **ret)
{
    uint8_t header[OBJECT_HEADER_LEN], *base = NULL;
    struct index_entry of_base = {0};
    struct seal_box *box = NULL;
    enum object_class class;
    char name[80];
    size_t n;

    if (index_find(w->index, id, x, &w->e) != 0 || (want_whole && x->chunk.codec == CHUNK_DELTA) ||
        (x->chunk.codec == CHUNK_DELTA &&
         read_chunk(w, s, &x->chunk.base, true, &of_base, &base) != 0))
        return -1;
    size_t len = x->chunk.stored + (size_t)SEAL_TAG_LEN;
    uint8_t *stored = mem_alloc(len);
    pack_object_name(&x->pack, name);
    int rc = store_get(s, name, 0, header, sizeof(header), &n, &w->e);
    if (rc == 0)
        rc = pack_open(w->repository.keys, header, &box, &class, &w->e);
    if (rc == 0)
        rc = store_get(s, name, x->offset, stored, len, &n, &w->e);
    if (rc == 0)
        rc = pack_unbox(box, x->offset, stored, x->chunk.stored, stored, &w->e);
    *ret = mem_alloc(x->chunk.length);
    if (rc == 0)
        rc = chunk_decode(w->coder, &x->chunk, stored, base, of_base.chunk.length, *ret, &w->e);
    if (rc != 0)
        free(TAKE(*ret));
    seal_box_free(box);
    free(stored);
    free(base);
    return rc;
}

static inline void append_chunk(struct add_world *w, const struct chunk_ref *ref, struct buf *out)
{
    struct index_entry x;
    uint8_t *data;

    if (read_chunk(w, w->store, &ref->id, false, &x, &data) != 0)
        test_fail(__FILE__, __LINE__, "a chunk: %s", w->e.text);
    ASSERT_EQ(x.chunk.length, ref->length);
    ASSERT_OK(buf_append(out, data, ref->length, &w->e), w->e);
    free(data);
}

/* Each record of a list stream. */
static inline struct buf read_list(struct add_world *w, const struct added *x,
                                   void (*each)(void *arg, const struct list_record *r), void *arg)
{
    struct list_parser *p = list_parser_new();
    struct buf list = BUF_INIT(256 << 20);
    struct list_record r;
    int rc;

    for (size_t i = 0; i < x->list_count; i++)
        append_chunk(w, &x->list[i], &list);
    ASSERT_OK(list_parser_feed(p, list.data, list.len, &w->e), w->e);
    while ((rc = list_parser_next(p, &r, &w->e)) == 0)
        each(arg, &r);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "a list: %s", w->e.text);
    ASSERT_OK(list_parser_finish(p, &w->e), w->e);
    list_parser_free(p);
    return list;
}
