#include "lib/plain/aes_sha.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/sha_rounds.h"

#ifdef __x86_64__

#define WITH_AES __attribute__((target("aes,sha,sse4.1")))

bool aes_sha_have(void)
{
    unsigned a, b, c, d;

    return sha_rounds_have() && __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_AES) != 0;
}

WITH_AES static inline __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

/* FIPS 197, 5.2: each word is the exclusive or of the four before it and of `mixed`. */
WITH_AES static inline __m128i next_key(__m128i key, __m128i mixed)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, mixed);
}

WITH_AES void aes_sha_start(struct aes_sha *a, const uint8_t key[AES_KEY],
                            const uint8_t iv[AES_BLOCK])
{
    __m128i *k = (__m128i *)(void *)a->keys;

    k[0] = load(key);
    k[1] = load(key + AES_BLOCK);
    /* the round constant is a literal of the instruction, so no loop */
#define EVEN(i, constant)                                                                          \
    k[i] =                                                                                         \
        next_key(k[(i)-2], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k[(i)-1], constant), 0xff))
#define ODD(i)                                                                                     \
    k[i] = next_key(k[(i)-2], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k[(i)-1], 0), 0xaa))
    EVEN(2, 0x01);
    ODD(3);
    EVEN(4, 0x02);
    ODD(5);
    EVEN(6, 0x04);
    ODD(7);
    EVEN(8, 0x08);
    ODD(9);
    EVEN(10, 0x10);
    ODD(11);
    EVEN(12, 0x20);
    ODD(13);
    EVEN(14, 0x40);
#undef EVEN
#undef ODD
    memcpy(a->chain, iv, AES_BLOCK);
}

WITH_AES void aes_sha_encrypt(struct aes_sha *a, const uint8_t *data, size_t blocks, uint8_t *out)
{
    const __m128i *k = (const __m128i *)(const void *)a->keys;
    __m128i s = load(a->chain);

    for (size_t i = 0; i < blocks; i++) {
        s = _mm_xor_si128(s, _mm_xor_si128(k[0], load(data + i * AES_BLOCK)));
#pragma GCC unroll 13
        for (int r = 1; r < AES_ROUNDS; r++)
            s = _mm_aesenc_si128(s, k[r]);
        s = _mm_aesenclast_si128(s, k[AES_ROUNDS]);
        _mm_storeu_si128((__m128i *)(void *)(out + i * AES_BLOCK), s);
    }
    _mm_storeu_si128((__m128i *)(void *)a->chain, s);
}

/* The steps of AES that go with the i-th of 16 groups of four rounds; four groups make a block. */
WITH_AES static inline __m128i some_steps(__m128i s, const __m128i *k, int i, const uint8_t *data,
                                          uint8_t *out)
{
    int quarter = i & 3, at = (i >> 2) * AES_BLOCK;

    if (quarter == 0)
        s = _mm_xor_si128(s, _mm_xor_si128(k[0], load(data + at)));
    else
        s = _mm_aesenc_si128(s, k[4 * quarter - 1]);
    if (quarter < 3) {
        s = _mm_aesenc_si128(s, k[4 * quarter + (quarter == 0 ? 1 : 0)]);
        s = _mm_aesenc_si128(s, k[4 * quarter + (quarter == 0 ? 2 : 1)]);
        return quarter == 0 ? s : _mm_aesenc_si128(s, k[4 * quarter + 2]);
    }
    s = _mm_aesenc_si128(s, k[12]);
    s = _mm_aesenc_si128(s, k[13]);
    s = _mm_aesenclast_si128(s, k[14]);
    _mm_storeu_si128((__m128i *)(void *)(out + at), s);
    return s;
}

WITH_AES void aes_sha_both(struct aes_sha *a, const uint8_t *data, size_t blocks, uint8_t *out,
                           uint32_t x[8], uint32_t y[8])
{
    const __m128i *k = (const __m128i *)(const void *)a->keys;
    struct sha_lanes lx = sha_load(x), ly = sha_load(y);
    __m128i s = load(a->chain);

    for (; blocks > 0; blocks--, data += SHA_BLOCK, out += SHA_BLOCK) {
        const struct sha_lanes x_before = lx, y_before = ly;
        __m128i w[4];
        sha_words(w, out - SHA_BLOCK);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i words = sha_keyed(w, i);
            s = some_steps(s, k, i, data, out);
            sha_four_rounds(&lx, words);
            sha_four_rounds(&ly, words);
            if (i < 12)
                sha_schedule(w, i);
        }
        sha_add(&lx, &x_before);
        sha_add(&ly, &y_before);
    }
    sha_store(&lx, x);
    sha_store(&ly, y);
    _mm_storeu_si128((__m128i *)(void *)a->chain, s);
}

#else

bool aes_sha_have(void)
{
    return false;
}

void aes_sha_start(struct aes_sha *a, const uint8_t key[AES_KEY], const uint8_t iv[AES_BLOCK])
{
    (void)a, (void)key, (void)iv;
    abort();
}

void aes_sha_encrypt(struct aes_sha *a, const uint8_t *data, size_t blocks, uint8_t *out)
{
    (void)a, (void)data, (void)blocks, (void)out;
    abort();
}

void aes_sha_both(struct aes_sha *a, const uint8_t *data, size_t blocks, uint8_t *out,
                  uint32_t x[8], uint32_t y[8])
{
    (void)x, (void)y;
    aes_sha_encrypt(a, data, blocks, out);
}
#endif
