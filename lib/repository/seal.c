#include "lib/repository/seal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"

struct seal_box {
    EVP_CIPHER_CTX *ctx; /* owned; frees itself wiped */
};

static int broken(struct err *e, const char *what)
{
    return err_set(e, ERR_INTERNAL, "OpenSSL: %s fails", what);
}

int seal_box_open(const uint8_t key[SEAL_KEY_LEN], struct seal_box **ret, struct err *e)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, NULL, 1) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return broken(e, "AES-256-GCM");
    }
    *ret = mem_alloc(sizeof(**ret));
    (*ret)->ctx = ctx;
    return 0;
}

void seal_box_free(struct seal_box *b)
{
    if (b == NULL)
        return;
    EVP_CIPHER_CTX_free(b->ctx);
    free(b);
}

/* Key kept, nonce and direction new, additional data in. */
static bool begin(struct seal_box *b, const uint8_t *nonce, const void *aad, size_t aad_len,
                  int encrypt)
{
    int n;

    return EVP_CipherInit_ex(b->ctx, NULL, NULL, NULL, nonce, encrypt) == 1 &&
           (aad_len == 0 || EVP_CipherUpdate(b->ctx, NULL, &n, aad, (int)aad_len) == 1);
}

int seal_box_seal(struct seal_box *b, const uint8_t nonce[SEAL_NONCE_LEN], const void *aad,
                  size_t aad_len, const void *data, size_t len, uint8_t *out, struct err *e)
{
    int n = 0, last = 0;

    if (len > INT_MAX || aad_len > INT_MAX)
        return err_set(e, ERR_LIMIT, "a box of %zu bytes", len);
    if (!begin(b, nonce, aad, aad_len, 1) ||
        (len > 0 && EVP_CipherUpdate(b->ctx, out, &n, data, (int)len) != 1) ||
        EVP_CipherFinal_ex(b->ctx, out + n, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN, out + len) != 1)
        return broken(e, "AES-256-GCM");
    return 0;
}

int seal_box_unseal(struct seal_box *b, const uint8_t nonce[SEAL_NONCE_LEN], const void *aad,
                    size_t aad_len, const void *box, size_t len, uint8_t *out, struct err *e)
{
    uint8_t tag[SEAL_TAG_LEN], none;
    int n = 0, last = 0;

    if (len < SEAL_TAG_LEN || len > INT_MAX || aad_len > INT_MAX)
        return err_set(e, ERR_DAMAGED, "too short to be a sealed box");
    len -= SEAL_TAG_LEN;
    memcpy(tag, (const uint8_t *)box + len, sizeof(tag));
    if (!begin(b, nonce, aad, aad_len, 0) ||
        (len > 0 && EVP_CipherUpdate(b->ctx, out, &n, box, (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN, tag) != 1)
        return broken(e, "AES-256-GCM");
    if (EVP_CipherFinal_ex(b->ctx, &none, &last) == 1)
        return 0;
    if (len > 0)
        mem_wipe(out, len);
    return err_set(e, ERR_DAMAGED, "the seal is broken");
}

void seal_nonce(uint8_t ret[SEAL_NONCE_LEN], uint64_t offset, enum seal_kind kind)
{
    for (int i = 0; i < 8; i++)
        ret[i] = (uint8_t)(offset >> (8 * i));
    for (int i = 0; i < 4; i++)
        ret[8 + i] = (uint8_t)((uint32_t)kind >> (8 * i));
}

int seal_hkdf(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len, const char *info,
              uint8_t *out, size_t out_len, struct err *e)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm, ikm_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info,
                                          strlen(info)),
        OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };

    if (salt_len > 0)
        params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt,
                                                      salt_len);
    int ok = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : broken(e, "HKDF");
}

int seal_scrypt(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
                uint32_t n, uint32_t r, uint32_t p, uint8_t *out, size_t out_len, struct err *e)
{
    uint64_t most = (uint64_t)128 * r * ((uint64_t)n + p + 2);

    if (EVP_PBE_scrypt(secret, secret_len, salt, salt_len, n, r, p, most, out, out_len) == 1)
        return 0;
    return err_set(e, ERR_INTERNAL,
                   "scrypt with n = %u, r = %u, p = %u fails (it needs %llu MiB of memory)", n, r,
                   p, (unsigned long long)(most >> 20));
}

int seal_random(void *out, size_t len, struct err *e)
{
    return io_random(out, len) == 0 ? 0 : err_sys(e, ERR_IO, errno, "random bytes");
}

void seal_sha256(const void *data, size_t len, uint8_t ret[SEAL_HASH_LEN])
{
    (void)SHA256(data, len, ret);
}

void seal_wipe(void *data, size_t len)
{
    mem_wipe(data, len);
}

bool seal_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
