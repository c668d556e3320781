#define OPENSSL_SUPPRESS_DEPRECATED /* the state inside SHA256_CTX has no successor */

#include "lib/store/digest_two.h"

#include <openssl/sha.h>

#include "lib/base/sha_rounds.h"

#ifdef __x86_64__
/* The length in bits, as SHA256_Update counts it. */
static void count_blocks(SHA256_CTX *c, size_t blocks)
{
    uint64_t bits = ((uint64_t)c->Nh << 32 | c->Nl) + (uint64_t)blocks * SHA_BLOCK * 8;

    c->Nl = (uint32_t)bits;
    c->Nh = (uint32_t)(bits >> 32);
}

/* How many bytes were taken. */
static size_t update_quickly(SHA256_CTX *x, const uint8_t *a, SHA256_CTX *y, const uint8_t *b,
                             size_t len)
{
    size_t blocks = len / SHA_BLOCK;

    if (x->num != 0 || y->num != 0 || !sha_rounds_have())
        return 0;
    sha_two(x->h, a, y->h, b, blocks);
    count_blocks(x, blocks);
    count_blocks(y, blocks);
    return blocks * SHA_BLOCK;
}
#else
static size_t update_quickly(SHA256_CTX *x, const uint8_t *a, SHA256_CTX *y, const uint8_t *b,
                             size_t len)
{
    (void)x, (void)a, (void)y, (void)b, (void)len;
    return 0;
}
#endif

void digest_two_update(SHA256_CTX *x, const uint8_t *a, SHA256_CTX *y, const uint8_t *b, size_t len)
{
    size_t done = update_quickly(x, a, y, b, len);

    (void)SHA256_Update(x, a + done, len - done);
    (void)SHA256_Update(y, b + done, len - done);
}
