/* sha_rounds.h — the pieces of SHA-256's compression function by the instructions of Intel's SHA
 * extensions (FIPS 180-4, 6.2.2), to be woven with other work: one digest alone leaves the
 * processor waiting two thirds of the time.
 *
 * Included by the files that weave. Nothing here looks at secrets or depends on data in time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA_BLOCK = 64 };

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))

struct sha_lanes { /* a state as the instructions want it */
    __m128i abef, cdgh;
};

static const uint32_t sha_constants[SHA_BLOCK] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline bool sha_rounds_have(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

WITH_SHA static inline struct sha_lanes sha_load(const uint32_t h[8])
{
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1b);

    return (struct sha_lanes){.abef = _mm_alignr_epi8(cdab, efgh, 8),
                              .cdgh = _mm_blend_epi16(efgh, cdab, 0xf0)};
}

WITH_SHA static inline void sha_store(const struct sha_lanes *l, uint32_t h[8])
{
    __m128i feba = _mm_shuffle_epi32(l->abef, 0x1b), dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* The 16 words of a block. */
WITH_SHA static inline void sha_words(__m128i w[4], const uint8_t *data)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

    for (int i = 0; i < 4; i++)
        w[i] =
            _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
}

/* Words 4 * i to 4 * i + 3, the constants added; i < 16. */
WITH_SHA static inline __m128i sha_keyed(const __m128i w[4], int i)
{
    return _mm_add_epi32(w[i & 3],
                         _mm_loadu_si128((const __m128i *)(const void *)(sha_constants + 4 * i)));
}

/* In the place of words 4 * i and on, those that come 16 later; i < 12. */
WITH_SHA static inline void sha_schedule(__m128i w[4], int i)
{
    w[i & 3] =
        _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]),
                                           _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4)),
                             w[(i + 3) & 3]);
}

WITH_SHA static inline void sha_four_rounds(struct sha_lanes *l, __m128i words)
{
    l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, words);
    l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(words, 0x0e));
}

WITH_SHA static inline void sha_add(struct sha_lanes *l, const struct sha_lanes *before)
{
    l->abef = _mm_add_epi32(l->abef, before->abef);
    l->cdgh = _mm_add_epi32(l->cdgh, before->cdgh);
}

/* Blocks of a into the state x, and beside that blocks of b into y. */
WITH_SHA static inline void sha_two(uint32_t x[8], const uint8_t *a, uint32_t y[8],
                                    const uint8_t *b, size_t blocks)
{
    struct sha_lanes lx = sha_load(x), ly = sha_load(y);

    for (; blocks > 0; blocks--, a += SHA_BLOCK, b += SHA_BLOCK) {
        const struct sha_lanes x_before = lx, y_before = ly;
        __m128i v[4], w[4];
        sha_words(v, a);
        sha_words(w, b);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            sha_four_rounds(&lx, sha_keyed(v, i));
            sha_four_rounds(&ly, sha_keyed(w, i));
            if (i < 12) {
                sha_schedule(v, i);
                sha_schedule(w, i);
            }
        }
        sha_add(&lx, &x_before);
        sha_add(&ly, &y_before);
    }
    sha_store(&lx, x);
    sha_store(&ly, y);
}
#else
static inline bool sha_rounds_have(void)
{
    return false;
}
#endif
