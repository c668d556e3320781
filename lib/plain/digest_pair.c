/* The compression function is FIPS 180-4, 6.2.2, by the instructions of Intel's SHA extensions. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the state inside SHA256_CTX has no successor */

#include "lib/plain/digest_pair.h"

#include <openssl/sha.h>
#include <stdbool.h>

#include "lib/base/mem.h"

enum { BLOCK = 64 };

struct digest_pair {
    SHA256_CTX volume, segment; /* both at the same place of a block */
    bool fast;
};

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

struct lanes { /* a state as the instructions want it */
    __m128i abef, cdgh;
};

static const uint32_t constants[BLOCK] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static bool has_sha(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

#define WITH_SHA __attribute__((target("sha,sse4.1")))

WITH_SHA static struct lanes lanes_load(const SHA256_CTX *c)
{
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)c->h), 0xb1);
    __m128i efgh =
        _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(c->h + 4)), 0x1b);

    return (struct lanes){.abef = _mm_alignr_epi8(cdab, efgh, 8),
                          .cdgh = _mm_blend_epi16(efgh, cdab, 0xf0)};
}

WITH_SHA static void lanes_store(const struct lanes *l, SHA256_CTX *c)
{
    __m128i feba = _mm_shuffle_epi32(l->abef, 0x1b), dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)(void *)c->h, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(c->h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

WITH_SHA static inline void four_rounds(struct lanes *l, __m128i words)
{
    l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, words);
    l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(words, 0x0e));
}

WITH_SHA static void one_block(struct lanes *a, struct lanes *b, const uint8_t *data)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const struct lanes a_before = *a, b_before = *b;
    __m128i w[4];

    for (int i = 0; i < 4; i++)
        w[i] =
            _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i words = _mm_add_epi32(
            w[i & 3], _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * i)));
        four_rounds(a, words);
        four_rounds(b, words);
        if (i < 12) /* the four words that come 16 later */
            w[i & 3] = _mm_sha256msg2_epu32(
                _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]),
                              _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4)),
                w[(i + 3) & 3]);
    }
    a->abef = _mm_add_epi32(a->abef, a_before.abef);
    a->cdgh = _mm_add_epi32(a->cdgh, a_before.cdgh);
    b->abef = _mm_add_epi32(b->abef, b_before.abef);
    b->cdgh = _mm_add_epi32(b->cdgh, b_before.cdgh);
}

WITH_SHA static void compress(SHA256_CTX *x, SHA256_CTX *y, const uint8_t *data, size_t blocks)
{
    struct lanes a = lanes_load(x), b = lanes_load(y);

    for (size_t i = 0; i < blocks; i++)
        one_block(&a, &b, data + i * BLOCK);
    lanes_store(&a, x);
    lanes_store(&b, y);
}
#else
static bool has_sha(void)
{
    return false;
}

static void compress(SHA256_CTX *x, SHA256_CTX *y, const uint8_t *data, size_t blocks)
{
    (void)SHA256_Update(x, data, blocks * BLOCK);
    (void)SHA256_Update(y, data, blocks * BLOCK);
}
#endif

struct digest_pair *digest_pair_new(void)
{
    struct digest_pair *p = mem_alloc(sizeof(*p));

    (void)SHA256_Init(&p->volume);
    (void)SHA256_Init(&p->segment);
    p->fast = has_sha();
    return p;
}

void digest_pair_free(struct digest_pair *p)
{
    free(p);
}

/* The length in bits, as SHA256_Update counts it. */
static void count_blocks(SHA256_CTX *c, size_t blocks)
{
    uint64_t bits = ((uint64_t)c->Nh << 32 | c->Nl) + (uint64_t)blocks * BLOCK * 8;

    c->Nl = (uint32_t)bits;
    c->Nh = (uint32_t)(bits >> 32);
}

static void update_both(struct digest_pair *p, const uint8_t *data, size_t len)
{
    (void)SHA256_Update(&p->volume, data, len);
    (void)SHA256_Update(&p->segment, data, len);
}

void digest_pair_update(struct digest_pair *p, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t open = p->volume.num % BLOCK, head = open == 0 ? 0 : BLOCK - open;

    if (!p->fast || p->volume.num != p->segment.num || len < head + BLOCK) {
        update_both(p, at, len);
        return;
    }
    update_both(p, at, head);
    at += head;
    len -= head;
    compress(&p->volume, &p->segment, at, len / BLOCK);
    count_blocks(&p->volume, len / BLOCK);
    count_blocks(&p->segment, len / BLOCK);
    update_both(p, at + len / BLOCK * BLOCK, len % BLOCK);
}

static void take(SHA256_CTX *c, uint8_t out[STORE_DIGEST_LEN])
{
    (void)SHA256_Final(out, c);
    (void)SHA256_Init(c);
}

void digest_pair_take_segment(struct digest_pair *p, uint8_t out[STORE_DIGEST_LEN])
{
    take(&p->segment, out);
}

void digest_pair_take_volume(struct digest_pair *p, uint8_t out[STORE_DIGEST_LEN])
{
    take(&p->volume, out);
}
