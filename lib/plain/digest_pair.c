#define OPENSSL_SUPPRESS_DEPRECATED /* the state inside SHA256_CTX has no successor */

#include "lib/plain/digest_pair.h"

#include <openssl/sha.h>
#include <stdbool.h>

#include "lib/base/mem.h"
#include "lib/base/sha_rounds.h"

struct digest_pair {
    SHA256_CTX volume, segment; /* both at the same place of a block */
    bool fast;
};

#ifdef __x86_64__
WITH_SHA static void compress(SHA256_CTX *x, SHA256_CTX *y, const uint8_t *data, size_t blocks)
{
    struct sha_lanes a = sha_load(x->h), b = sha_load(y->h);

    for (; blocks > 0; blocks--, data += SHA_BLOCK) {
        const struct sha_lanes a_before = a, b_before = b;
        __m128i w[4];
        sha_words(w, data);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i words = sha_keyed(w, i);
            sha_four_rounds(&a, words);
            sha_four_rounds(&b, words);
            if (i < 12)
                sha_schedule(w, i);
        }
        sha_add(&a, &a_before);
        sha_add(&b, &b_before);
    }
    sha_store(&a, x->h);
    sha_store(&b, y->h);
}
#else
static void compress(SHA256_CTX *x, SHA256_CTX *y, const uint8_t *data, size_t blocks)
{
    (void)SHA256_Update(x, data, blocks * SHA_BLOCK);
    (void)SHA256_Update(y, data, blocks * SHA_BLOCK);
}
#endif

struct digest_pair *digest_pair_new(void)
{
    struct digest_pair *p = mem_alloc(sizeof(*p));

    (void)SHA256_Init(&p->volume);
    (void)SHA256_Init(&p->segment);
    p->fast = sha_rounds_have();
    return p;
}

void digest_pair_free(struct digest_pair *p)
{
    free(p);
}

/* The length in bits, as SHA256_Update counts it. */
static void count_blocks(SHA256_CTX *c, size_t blocks)
{
    uint64_t bits = ((uint64_t)c->Nh << 32 | c->Nl) + (uint64_t)blocks * SHA_BLOCK * 8;

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
    size_t open = p->volume.num % SHA_BLOCK, head = open == 0 ? 0 : SHA_BLOCK - open;

    if (!p->fast || p->volume.num != p->segment.num || len < head + SHA_BLOCK) {
        update_both(p, at, len);
        return;
    }
    update_both(p, at, head);
    at += head;
    len -= head;
    compress(&p->volume, &p->segment, at, len / SHA_BLOCK);
    count_blocks(&p->volume, len / SHA_BLOCK);
    count_blocks(&p->segment, len / SHA_BLOCK);
    update_both(p, at + len / SHA_BLOCK * SHA_BLOCK, len % SHA_BLOCK);
}

void digest_pair_encrypt(struct digest_pair *p, struct aes_sha *a, const uint8_t *data,
                         size_t blocks, uint8_t *out)
{
    size_t len = blocks * AES_BLOCK, open = p->volume.num % SHA_BLOCK;
    size_t head = open == 0 ? 0 : SHA_BLOCK - open; /* completes the block that is open */
    size_t first = head + SHA_BLOCK;                /* the digests follow a block behind */

    if (p->volume.num != p->segment.num || head % AES_BLOCK != 0 || len < first + SHA_BLOCK) {
        aes_sha_encrypt(a, data, blocks, out);
        digest_pair_update(p, out, len);
        return;
    }
    size_t both = (len - first) / SHA_BLOCK, done = first + both * SHA_BLOCK;
    aes_sha_encrypt(a, data, first / AES_BLOCK, out);
    update_both(p, out, head);
    aes_sha_both(a, data + first, both, out + first, p->volume.h, p->segment.h);
    count_blocks(&p->volume, both);
    count_blocks(&p->segment, both);
    aes_sha_encrypt(a, data + done, (len - done) / AES_BLOCK, out + done);
    update_both(p, out + done - SHA_BLOCK, len - done + SHA_BLOCK);
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
