/* fixture.h — what the tests of the plain format share: a store in the test's directory, a key,
 * bytes of every kind, and one artifact written and read. */
#pragma once

#include "lib/base/mem.h"
#include "lib/plain/artifact.h"
#include "lib/plain/manifest.h"
#include "tests/lib/test.h"

#define TEST_KEY "correct-horse-battery-staple"
static const struct secret test_key = {.text = (char[]){TEST_KEY}, .len = sizeof(TEST_KEY) - 1};

static inline struct store *open_store(const char *name)
{
    struct store *s = NULL;
    struct err e = {0};
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    ASSERT_OK(store_open_directory(path, true, &s, &e), e);
    return s;
}

/* Deterministic bytes: text-like, chance, or zeros, and in stretches of all three. */
static inline void fill_bytes(uint8_t *data, size_t len, char kind, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;

    for (size_t i = 0; i < len; i++) {
        char k = kind != 'm' ? kind : "trz"[i / 70000 % 3];
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = k == 'z' ? 0 : k == 'r' ? (uint8_t)(x >> 32) : (uint8_t)("etaoin shrdlu"[x % 13]);
    }
}

static inline struct artifact_result write_artifact(struct store *s, const char *prefix,
                                                    const char *base, struct artifact_codec codec,
                                                    uint64_t volume_bytes, const uint8_t *data,
                                                    size_t len)
{
    struct artifact_target target = {
        .store = s, .set_prefix = prefix, .codec = codec, .volume_bytes = volume_bytes};
    struct artifact_result result = {0};
    struct artifact_writer *w = NULL;
    struct err e = {0};

    ASSERT_OK(artifact_create(&w, base, &target, 1, 2, &e), e);
    for (size_t at = 0, n; at < len; at += n) { /* odd pieces, as pipes give them */
        n = len - at < 60001 ? len - at : 60001;
        ASSERT_OK(artifact_write(w, data + at, n, &e), e);
    }
    ASSERT_OK(artifact_finish(w, &result, &e), e);
    return result;
}

static inline struct artifact_source source_of(struct store *s, const char *prefix,
                                               const struct artifact_result *r,
                                               struct artifact_codec codec)
{
    return (struct artifact_source){.store = s,
                                    .set_prefix = prefix,
                                    .volumes = r->volumes,
                                    .volume_count = r->volume_count,
                                    .segments = &r->segments,
                                    .gzip = codec.gzip,
                                    .key = codec.key};
}

/* 0 and the bytes in *ret (owned), or -1. */
static inline int read_artifact(const struct artifact_source *src, uint8_t **ret, size_t *ret_len,
                                struct err *e)
{
    struct artifact_reader *r = NULL;
    size_t cap = 1 << 16, n = 1;

    *ret = mem_alloc(cap);
    *ret_len = 0;
    if (artifact_open(&r, src, e) < 0)
        return -1;
    while (n > 0) {
        if (cap - *ret_len < 50021)
            *ret = mem_resize(*ret, cap *= 2);
        if (artifact_read(r, *ret + *ret_len, 50021, &n, e) < 0) {
            artifact_close(r);
            return -1;
        }
        *ret_len += n;
    }
    artifact_close(r);
    return 0;
}
