/* set_fixture.h — sets in a repository in memory: a stream each, committed as a run does. */
#pragma once

#include "lib/repository/add.h"
#include "lib/repository/fetch.h"
#include "tests/unit/repository/repository_fixture.h"

struct set_world {
    struct store *store;
    struct repository *repository;
    int64_t sequence;
    struct err e;
};

static inline struct index *set_index(struct set_world *w, bool rebuild)
{
    struct index *ix;

    ASSERT_OK(
        index_open(w->repository->store, w->repository->keys, NULL, rebuild, &ix, NULL, &w->e),
        w->e);
    return ix;
}

/* A set of one stream; its id is N seconds behind 20261120_000000. previous, copy: as of adder_stream_begin. */
static inline void add_set(struct set_world *w, const uint8_t *data, size_t len, int previous,
                           int copy)
{
    struct adder_replica replica = {.store = w->store};
    struct index *ix = set_index(w, false);
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(1 << 20);
    struct chunk_ref manifest;
    struct added x;
    struct adder *a;
    uint64_t put;

    ASSERT_OK(adder_open(&a, w->repository, ix, &replica, 1, 1, &w->e), w->e);
    ASSERT_OK(adder_stream_begin(a, previous, copy, &w->e), w->e);
    ASSERT_OK(adder_write(a, data, len, &w->e), w->e);
    ASSERT_OK(adder_end(a, &x, &w->e), w->e);
    _cleanup_json_ json_t *list = json_array();
    for (size_t i = 0; i < x.list_count; i++) {
        _cleanup_free_ char *ref = chunk_ref_text(&x.list[i]);
        (void)json_array_append_new(list, json_string(ref));
    }
    _cleanup_json_ json_t *o = json_pack("{s:[{s:s s:s s:n s:O}]}", "artifacts", "source",
                                         "database", "kind", "dump", "database", "list", list);
    ASSERT_OK(json_write(o, &text, &w->e), w->e);
    ASSERT_OK(adder_chunk(a, CHUNK_SET, text.data, text.len, &manifest, &w->e), w->e);
    ASSERT_OK(adder_finish(a, &put, &w->e), w->e);
    _cleanup_free_ char *ref = chunk_ref_text(&manifest);
    char id[32];
    struct log_head head;
    (void)clock_set_id((struct wall){(1795132800 + ++w->sequence) * INT64_C(1000000)}, id);
    ASSERT_OK(log_append(w->repository->writer, &us, "set",
                         json_pack("{s:s s:s s:I s:s s:{}}", "job", "synapse", "id", id, "sequence",
                                   (json_int_t)w->sequence, "manifest", ref, "describe"),
                         &head, &w->e),
              w->e);
    added_deinit(&x);
    index_close(ix);
}

static inline void set_world_init(struct set_world *w)
{
    *w = (struct set_world){.store = memory_store_new()};
    w->repository = create_at(w->store);
}

static inline void set_world_deinit(struct set_world *w)
{
    repository_close(w->repository);
    store_close(w->store);
}

/* Deterministic bytes that do not shrink. */
static inline uint8_t *noise(size_t len, uint64_t seed)
{
    uint8_t *data = mem_alloc(len);
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;

    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (uint8_t)(state >> 32);
    }
    return data;
}

/* Names of the objects below a prefix, at most 64. Owned. */
static inline struct strlist objects_below(struct store *s, const char *prefix)
{
    _cleanup_free_ struct store_object *objects = mem_alloc(64 * sizeof(*objects));
    struct strlist names = {0};
    size_t count;
    struct err e;

    ASSERT_OK(store_list(s, prefix, false, "", objects, 64, &count, &e), e);
    for (size_t i = 0; i < count; i++)
        strlist_add(&names, objects[i].name);
    return names;
}
