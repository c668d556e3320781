/* keys_fixture.h — what the tests of the repository's pieces share: keys, and bytes of every kind. */
#pragma once

#include "lib/base/mem.h"
#include "lib/repository/keys.h"
#include "tests/lib/test.h"

static inline struct keys *make_keys(void)
{
    struct keys *k = NULL;
    struct err e = {0};

    ASSERT_OK(keys_create(&k, &e), e);
    return k;
}

static inline uint64_t next_chance(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Deterministic bytes: 'c' chance, 't' text-like, 'z' zeros. */
static inline uint8_t *make_bytes(size_t len, char kind, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    uint8_t *data = mem_alloc(len);

    for (size_t i = 0; i < len; i++) {
        uint64_t x = next_chance(&state);
        data[i] = kind == 'z'   ? 0
                  : kind == 'c' ? (uint8_t)(x >> 32)
                                : (uint8_t) "etaoin shrdlu"[x % 13];
    }
    return data;
}
