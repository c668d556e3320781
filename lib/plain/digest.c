#include "lib/plain/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "lib/base/mem.h"

struct digest {
    EVP_MD_CTX *ctx;
};

/* Only exhausted memory or a crippled library gets here: nothing could be trusted any more. */
static void insist(int ok)
{
    if (ok != 1)
        abort();
}

struct digest *digest_new(void)
{
    struct digest *d = mem_alloc(sizeof(*d));

    d->ctx = EVP_MD_CTX_new();
    insist(d->ctx != NULL);
    insist(EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL));
    return d;
}

void digest_update(struct digest *d, const void *data, size_t len)
{
    insist(EVP_DigestUpdate(d->ctx, data, len));
}

void digest_take(struct digest *d, uint8_t out[STORE_DIGEST_LEN])
{
    unsigned n = 0;

    insist(EVP_DigestFinal_ex(d->ctx, out, &n));
    insist(n == STORE_DIGEST_LEN);
    insist(EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL));
}

void digest_free(struct digest *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

void digest_bytes(const void *data, size_t len, uint8_t out[STORE_DIGEST_LEN])
{
    insist(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL));
}

void digest_hmac(const uint8_t key[32], const void *data, size_t len, uint8_t out[STORE_DIGEST_LEN])
{
    insist(HMAC(EVP_sha256(), key, 32, data, len, out, NULL) != NULL);
}
