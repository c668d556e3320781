#include "lib/plain/cipher.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"

enum { SALT_LEN = 8, KEY_LEN = 32, IV_LEN = 16 };

static const char magic[] = "Salted__";

struct cipher {
    EVP_CIPHER_CTX *ctx;
    bool decrypting;
};

static int start(const struct secret *key, const uint8_t *header, bool decrypting,
                 struct cipher **ret, struct err *e)
{
    uint8_t material[KEY_LEN + IV_LEN];
    struct cipher *c;

    if (cipher_stretch(key, header + strlen(magic), SALT_LEN, material, sizeof(material), e) < 0)
        return -1;
    c = mem_alloc(sizeof(*c));
    c->decrypting = decrypting;
    c->ctx = EVP_CIPHER_CTX_new();
    int ok = c->ctx != NULL && EVP_CipherInit_ex(c->ctx, EVP_aes_256_cbc(), NULL, material,
                                                 material + KEY_LEN, decrypting ? 0 : 1) == 1;
    mem_wipe(material, sizeof(material));
    if (!ok) {
        cipher_free(c);
        return err_set(e, ERR_INTERNAL, "OpenSSL has no AES-256-CBC");
    }
    *ret = c;
    return 0;
}

int cipher_encrypt_new(const struct secret *key, uint8_t header[CIPHER_HEADER], struct cipher **ret,
                       struct err *e)
{
    memcpy(header, magic, strlen(magic));
    if (io_random(header + strlen(magic), SALT_LEN) != 0)
        return err_sys(e, ERR_IO, errno, "random bytes");
    return start(key, header, false, ret, e);
}

int cipher_decrypt_new(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                       struct cipher **ret, struct err *e)
{
    if (memcmp(header, magic, strlen(magic)) != 0)
        return err_set(e, ERR_DAMAGED, "not an encrypted stream (\"Salted__\" is missing)");
    return start(key, header, true, ret, e);
}

int cipher_update(struct cipher *c, const void *data, size_t len, void *out, size_t *ret_len,
                  struct err *e)
{
    int n = 0;

    if (len > INT_MAX - CIPHER_BLOCK || EVP_CipherUpdate(c->ctx, out, &n, data, (int)len) != 1)
        return err_set(e, ERR_INTERNAL, "OpenSSL cannot go on with AES-256-CBC");
    *ret_len = (size_t)n;
    return 0;
}

int cipher_final(struct cipher *c, void *out, size_t *ret_len, struct err *e)
{
    int n = 0;

    if (EVP_CipherFinal_ex(c->ctx, out, &n) != 1)
        return err_set(e, c->decrypting ? ERR_KEY : ERR_INTERNAL,
                       "the key does not fit: decryption ends in nonsense");
    *ret_len = (size_t)n;
    return 0;
}

void cipher_free(struct cipher *c)
{
    if (c == NULL)
        return;
    EVP_CIPHER_CTX_free(c->ctx); /* cleanses the key schedule */
    free(c);
}
