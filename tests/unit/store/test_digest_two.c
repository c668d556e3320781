/* Two digests side by side are what OpenSSL says of each, at any length and place of a block. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/sha.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/store/digest_two.h"
#include "tests/lib/test.h"

enum { LEN = 5000 };

static void check_digest(SHA256_CTX *c, const uint8_t *first, size_t first_len, const uint8_t *data,
                         size_t len)
{
    uint8_t found[SHA256_DIGEST_LENGTH], wanted[SHA256_DIGEST_LENGTH];
    SHA256_CTX whole;

    (void)SHA256_Init(&whole);
    (void)SHA256_Update(&whole, first, first_len);
    (void)SHA256_Update(&whole, data, len);
    (void)SHA256_Final(wanted, &whole);
    (void)SHA256_Final(found, c);
    ASSERT(memcmp(found, wanted, sizeof(wanted)) == 0);
}

TEST(both_are_openssl_s)
{
    static const size_t lengths[] = {0, 1, 63, 64, 65, 128, 1000, LEN}, heads[] = {0, 5, 64};
    uint8_t *a = mem_alloc(LEN + 1), *b = mem_alloc(LEN);

    ASSERT_EQ(io_random(a, LEN + 1), 0);
    ASSERT_EQ(io_random(b, LEN), 0);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (size_t k = 0; k < ARRAY_LEN(heads); k++) {
            SHA256_CTX x, y;
            (void)SHA256_Init(&x);
            (void)SHA256_Init(&y);
            (void)SHA256_Update(&x, b, heads[k]); /* they need not stand at the same place */
            digest_two_update(&x, a + 1, &y, b, lengths[i]);
            check_digest(&x, b, heads[k], a + 1, lengths[i]);
            check_digest(&y, NULL, 0, b, lengths[i]);
        }
    free(a);
    free(b);
}
