#include <openssl/evp.h>

#include "lib/repository/seal.h"

static int broken(struct err *e, const char *what)
{
    return err_set(e, ERR_INTERNAL, "OpenSSL: %s fails", what);
}

static int public_of(int type, const uint8_t secret[32], uint8_t ret[32], struct err *e)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, secret, 32);
    size_t len = 32;
    int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, ret, &len) == 1 && len == 32;

    EVP_PKEY_free(key);
    return ok ? 0 : broken(e, type == EVP_PKEY_X25519 ? "X25519" : "Ed25519");
}

int seal_x25519_public(const uint8_t secret[32], uint8_t ret[32], struct err *e)
{
    return public_of(EVP_PKEY_X25519, secret, ret, e);
}

int seal_x25519_shared(const uint8_t secret[32], const uint8_t peer[32], uint8_t ret[32],
                       struct err *e)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    size_t len = 32;
    int rc = 0;

    if (ctx == NULL || other == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
        EVP_PKEY_derive_set_peer(ctx, other) != 1)
        rc = broken(e, "X25519");
    else if (EVP_PKEY_derive(ctx, ret, &len) != 1 || len != 32)
        rc = err_set(e, ERR_DAMAGED, "a public key of small order");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    return rc;
}

int seal_ed25519_public(const uint8_t seed[32], uint8_t ret[32], struct err *e)
{
    return public_of(EVP_PKEY_ED25519, seed, ret, e);
}

int seal_sign(const uint8_t seed[32], const void *data, size_t len, uint8_t ret[SEAL_SIGNATURE_LEN],
              struct err *e)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t out = SEAL_SIGNATURE_LEN;
    int ok = key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestSign(ctx, ret, &out, data, len) == 1 && out == SEAL_SIGNATURE_LEN;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? 0 : broken(e, "Ed25519");
}

int seal_verify(const uint8_t public_key[32], const void *data, size_t len,
                const uint8_t signature[SEAL_SIGNATURE_LEN], struct err *e)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = 0;

    if (key == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
        rc = broken(e, "Ed25519");
    else if (EVP_DigestVerify(ctx, signature, SEAL_SIGNATURE_LEN, data, len) != 1)
        rc = err_set(e, ERR_DAMAGED, "the signature is wrong");
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return rc;
}
