#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/cipher.h"
#include "lib/plain/digest.h"
#include "lib/plain/manifest.h"

static const char purpose[] = "synbak manifest mac";

/* HKDF-SHA-256 without a salt of its own: its input is already a uniform key. */
static int expand(const uint8_t stretched[32], uint8_t out[32])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)stretched, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose,
                                          strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    int ok = ctx != NULL && EVP_KDF_derive(ctx, out, 32, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : -1;
}

int mac_key_derive(const struct secret *key, const char salt_hex[33], struct mac_key *ret,
                   struct err *e)
{
    uint8_t salt[16], stretched[32], id[STORE_DIGEST_LEN];

    *ret = (struct mac_key){.none = key == NULL};
    if (key == NULL)
        return 0;
    if (hex_decode(salt_hex, salt, sizeof(salt)) < 0)
        return err_set(e, ERR_FORMAT, "the salt is not 32 hex digits");
    int rc = cipher_stretch(key, salt, sizeof(salt), stretched, sizeof(stretched), e);
    if (rc == 0 && expand(stretched, ret->bytes) < 0)
        rc = err_set(e, ERR_INTERNAL, "OpenSSL has no HKDF");
    mem_wipe(stretched, sizeof(stretched));
    if (rc < 0)
        return -1;
    digest_bytes(ret->bytes, sizeof(ret->bytes), id);
    hex_encode(id, 8, ret->id);
    return 0;
}

void mac_key_deinit(struct mac_key *k)
{
    mem_wipe(k, sizeof(*k));
}

void mac_compute(const struct mac_key *k, const void *data, size_t len, char ret_hex[65])
{
    uint8_t mac[STORE_DIGEST_LEN];

    if (k->none)
        digest_bytes(data, len, mac);
    else
        digest_hmac(k->bytes, data, len, mac);
    hex_encode(mac, sizeof(mac), ret_hex);
}

bool mac_equal(const char *a, const char *b)
{
    return strlen(a) == 64 && strlen(b) == 64 && CRYPTO_memcmp(a, b, 64) == 0;
}
