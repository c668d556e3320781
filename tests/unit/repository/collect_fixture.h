/* collect_fixture.h — a repository with its logs, sets of known content, and everything read back. */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "lib/repository/add.h"
#include "lib/repository/collect.h"
#include "lib/repository/fetch.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/seam.h"
#include "tests/unit/repository/keys_fixture.h"

#define US   "00112233445566778899aabbccddeeff"
#define THEM "ffeeddccbbaa99887766554433221100"
static const struct log_author us = {.installation = US, .host = "here"};
static const struct log_author them = {.installation = THEM, .host = "there"};

enum { DAY = 86400, BLOCK = 40000, BLOCKS_MAX = 64 };
static const int64_t start_us = 1795262400000000; /* 2026-11-21 */

/* What a source holds: blocks by their seeds; `patch` changes a few bytes of one. */
struct content {
    uint32_t seed[BLOCKS_MAX], patch[BLOCKS_MAX];
    size_t count;
};

static inline uint8_t *content_bytes(const struct content *x, size_t *ret_len)
{
    uint8_t *data = mem_alloc(x->count * BLOCK);

    for (size_t i = 0; i < x->count; i++) {
        uint8_t *block = make_bytes(BLOCK, 'c', x->seed[i]);
        for (uint32_t k = 0; k < x->patch[i]; k++)
            block[(k * 7919) % BLOCK] ^= 0x55;
        memcpy(data + i * BLOCK, block, BLOCK);
        free(block);
    }
    *ret_len = x->count * BLOCK;
    return data;
}

static inline struct content content_of(uint32_t first, size_t count)
{
    struct content x = {.count = count};

    for (size_t i = 0; i < count; i++)
        x.seed[i] = first + (uint32_t)i;
    return x;
}

/* The same every time, so that cuts are. */
static inline struct keys *fixed_keys(void)
{
    static const char bundle[] =
        "{\"repository\":\"0123456789abcdef0123456789abcdef\",\"adding\":\""
        "1111111111111111111111111111111111111111111111111111111111111111\",\"writer\":\""
        "2222222222222222222222222222222222222222222222222222222222222222\",\"pruner\":\""
        "3333333333333333333333333333333333333333333333333333333333333333\",\"generations\":[{"
        "\"number\":1,\"reading\":\""
        "4444444444444444444444444444444444444444444444444444444444444444\"}]}";
    struct keys *k = NULL;
    struct err e = {0};

    ASSERT_OK(keys_from_bundle(bundle, sizeof(bundle) - 1, &k, &e), e);
    return k;
}

/* One machine's view: its own logs, which grow old. */
struct view {
    struct store *store;
    struct repository r;
    int previous; /* list stream of the last run; -1 */
    struct err e;
};

static inline void view_open(struct view *v, struct store *s, struct keys *k)
{
    *v = (struct view){.store = s, .previous = -1};
    v->r.store = s;
    v->r.keys = k;
    ASSERT_OK(log_open(s, k, LOG_PRUNER, NULL, NULL, &v->r.pruner, &v->e), v->e);
    ASSERT_OK(log_open(s, k, LOG_WRITER, NULL, NULL, &v->r.writer, &v->e), v->e);
}

static inline void view_close(struct view *v)
{
    log_close(v->r.pruner);
    log_close(v->r.writer);
    if (v->previous >= 0)
        (void)close(v->previous);
}

static inline void view_begin(struct view *v, struct store *s, struct keys *k)
{
    view_open(v, s, k);
    ASSERT_OK(log_take(v->r.writer, &us, &v->e), v->e);
    ASSERT_OK(log_take(v->r.pruner, &us, &v->e), v->e);
}

/* A run under way. */
struct run {
    struct index *index;
    struct adder *adder;
    struct adder_replica replicas[2];
    struct wall began;
    int copy;
};

static inline int run_exclude_trash(struct view *v, struct index *ix)
{
    _cleanup_free_ struct pack_name *trash = NULL;
    size_t count;

    if (log_refresh(v->r.pruner, &v->e) < 0 ||
        repository_trash_packs(&v->r, &trash, &count, &v->e) < 0)
        return -1;
    index_exclude(ix, trash, count);
    return 0;
}

static inline int run_begin(struct view *v, struct run *x, struct store *replica)
{
    *x = (struct run){.began = clock_wall(), .copy = memfd_create("list", 0)};
    x->replicas[0].store = v->store;
    x->replicas[1].store = replica;
    if (index_open(v->store, v->r.keys, NULL, false, &x->index, NULL, &v->e) < 0)
        return -1;
    if (run_exclude_trash(v, x->index) < 0 || adder_open(&x->adder, &v->r, x->index, x->replicas,
                                                         replica == NULL ? 1 : 2, 2, &v->e) < 0) {
        index_close(x->index);
        return -1;
    }
    return 0;
}

static inline char *run_manifest(const struct added *added)
{
    json_t *list = json_array();

    for (size_t i = 0; i < added->list_count; i++) {
        _cleanup_free_ char *text = chunk_ref_text(&added->list[i]);
        (void)json_array_append_new(list, json_string(text));
    }
    json_t *o = json_pack("{s:[{s:o}]}", "artifacts", "list", list);
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

static inline int run_add(struct view *v, struct run *x, const struct content *what,
                          struct chunk_ref *ret_manifest)
{
    struct added added = {0};
    size_t len;
    _cleanup_free_ uint8_t *data = content_bytes(what, &len);
    uint64_t put;

    if (v->previous >= 0)
        (void)lseek(v->previous, 0, SEEK_SET);
    int rc = adder_stream_begin(x->adder, v->previous, x->copy, &v->e);
    if (rc == 0)
        rc = adder_write(x->adder, data, len, &v->e);
    if (rc == 0)
        rc = adder_end(x->adder, &added, &v->e);
    if (rc == 0) {
        _cleanup_free_ char *manifest = run_manifest(&added);
        rc = adder_chunk(x->adder, CHUNK_SET, manifest, strlen(manifest), ret_manifest, &v->e);
    }
    if (rc == 0)
        rc = adder_finish(x->adder, &put, &v->e);
    else
        adder_abort(x->adder);
    x->adder = NULL;
    added_deinit(&added);
    return rc;
}

static inline json_t *run_members(const char *id, const struct chunk_ref *manifest)
{
    _cleanup_free_ char *text = chunk_ref_text(manifest);

    return json_pack("{s:s s:s s:i s:s s:{}}", "job", "job", "id", id, "sequence", 1, "manifest",
                     text, "describe");
}

/* Adds, and commits under `id`. */
static inline int run_end(struct view *v, struct run *x, const struct content *what, const char *id)
{
    struct chunk_ref manifest;
    int rc = run_add(v, x, what, &manifest);

    if (rc == 0 && x->replicas[0].failed)
        rc = err_set(&v->e, x->replicas[0].error.code, "%s", x->replicas[0].error.text);
    if (rc == 0)
        rc = log_append(v->r.writer, &us, "set", run_members(id, &manifest), NULL, &v->e);
    if (rc == 0) {
        if (v->previous >= 0)
            (void)close(v->previous);
        v->previous = dup(x->copy);
    }
    index_close(x->index);
    (void)close(x->copy);
    return rc;
}

static inline void backup(struct view *v, const struct content *what, const char *id)
{
    struct run x;

    ASSERT_OK(run_begin(v, &x, NULL), v->e);
    ASSERT_OK(run_end(v, &x, what, id), v->e);
}

static inline int fetch_bytes(struct view *v, struct fetcher *f, const char *id, struct buf *out)
{
    struct repository_set set;
    struct fetch_artifact *a = NULL;
    json_t *manifest = NULL;
    size_t len = 1;

    if (repository_find_set(&v->r, "job", id, &set, &v->e) < 0)
        return -1;
    _cleanup_free_ char *text = mem_alloc(set.manifest.length);
    if (fetcher_chunk(f, &set.manifest, CHUNK_SET, text, &v->e) < 0 ||
        json_read(text, set.manifest.length, &manifest, &v->e) < 0)
        return -1;
    const json_t *list =
        json_object_get(json_array_get(json_object_get(manifest, "artifacts"), 0), "list");
    size_t count = json_array_size(list);
    _cleanup_free_ struct chunk_ref *refs = mem_alloc(count * sizeof(*refs));
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = chunk_ref_parse(json_string_value(json_array_get(list, i)), &refs[i], &v->e);
    if (rc == 0)
        rc = fetch_artifact_open(f, refs, count, false, NULL, &a, &v->e);
    while (rc == 0 && len > 0) {
        uint8_t piece[65536];
        rc = fetch_artifact_read(a, piece, sizeof(piece), &len, &v->e);
        if (rc == 0)
            rc = buf_append(out, piece, len, &v->e);
    }
    if (a != NULL)
        fetch_artifact_close(a);
    json_decref(manifest);
    return rc;
}

static inline void expect_content(struct view *v, struct index *ix, const char *id,
                                  const struct content *what)
{
    struct buf out = BUF_INIT(256 << 20);
    struct fetcher *f;
    struct err mended;
    size_t len;
    _cleanup_free_ uint8_t *data = content_bytes(what, &len);

    ASSERT_OK(fetcher_open(&f, &v->r, ix, 2, &v->e), v->e);
    if (fetch_bytes(v, f, id, &out) < 0)
        test_fail(__FILE__, __LINE__, "set %s: %s", id, v->e.text);
    if (fetcher_mended(f, &mended) > 0) /* nothing is damaged: it looked in the wrong place */
        test_fail(__FILE__, __LINE__, "set %s: from another copy: %s", id, mended.text);
    fetcher_close(f);
    ASSERT_EQ(out.len, len);
    ASSERT(memcmp(out.data, data, len) == 0);
    buf_deinit(&out);
}

/* As somebody who comes by now. */
static inline void expect_set(struct store *s, struct keys *k, const char *id,
                              const struct content *what)
{
    struct index *ix;
    struct view v;

    view_open(&v, s, k);
    ASSERT_OK(index_open(s, k, NULL, false, &ix, NULL, &v.e), v.e);
    expect_content(&v, ix, id, what);
    index_close(ix);
    view_close(&v);
}

static inline struct collect_spec spec_of(struct view *v)
{
    return (struct collect_spec){.repository = &v->r,
                                 .who = &us,
                                 .rule = "test",
                                 .now = clock_wall(),
                                 .trash_s = 7 * DAY,
                                 .repack_max = 1 << 30,
                                 .threads = 2};
}

static inline size_t count_objects(struct store *s, const char *prefix)
{
    enum { MOST = 4096 };
    struct store_object *page = mem_alloc(MOST * sizeof(*page));
    struct err e;
    size_t count;

    ASSERT_OK(store_list(s, prefix, false, "", page, MOST, &count, &e), e);
    free(page);
    return count;
}

static inline void pass_days(int64_t days)
{
    seam_clock_advance(days * DAY * 1000000);
}
