#include "lib/plain/cipher.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"

static const char magic[] = "Salted__";

struct cipher {
    EVP_CIPHER_CTX *ctx;
};

int cipher_header_new(uint8_t header[CIPHER_HEADER], struct err *e)
{
    memcpy(header, magic, strlen(magic));
    if (io_random(header + strlen(magic), CIPHER_SALT) != 0)
        return err_sys(e, ERR_IO, errno, "random bytes");
    return 0;
}

int cipher_stretch_header(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                          uint8_t material[CIPHER_KEY + CIPHER_BLOCK], struct err *e)
{
    return cipher_stretch(key, header + strlen(magic), CIPHER_SALT, material,
                          CIPHER_KEY + CIPHER_BLOCK, e);
}

int cipher_decrypt_new(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                       struct cipher **ret, struct err *e)
{
    uint8_t material[CIPHER_KEY + CIPHER_BLOCK];

    if (memcmp(header, magic, strlen(magic)) != 0)
        return err_set(e, ERR_DAMAGED, "not an encrypted stream (\"Salted__\" is missing)");
    if (cipher_stretch_header(key, header, material, e) < 0)
        return -1;
    struct cipher *c = mem_alloc(sizeof(*c));
    c->ctx = EVP_CIPHER_CTX_new();
    bool ok = c->ctx != NULL && EVP_DecryptInit_ex(c->ctx, EVP_aes_256_cbc(), NULL, material,
                                                   material + CIPHER_KEY) == 1;
    mem_wipe(material, sizeof(material));
    if (!ok) {
        cipher_free(c);
        return err_set(e, ERR_INTERNAL, "OpenSSL has no AES-256-CBC");
    }
    *ret = c;
    return 0;
}

int cipher_update(struct cipher *c, const void *data, size_t len, void *out, size_t *ret_len,
                  struct err *e)
{
    int n = 0;

    if (len > INT_MAX - CIPHER_BLOCK || EVP_DecryptUpdate(c->ctx, out, &n, data, (int)len) != 1)
        return err_set(e, ERR_INTERNAL, "OpenSSL cannot go on with AES-256-CBC");
    *ret_len = (size_t)n;
    return 0;
}

int cipher_final(struct cipher *c, void *out, size_t *ret_len, struct err *e)
{
    int n = 0;

    if (EVP_DecryptFinal_ex(c->ctx, out, &n) != 1)
        return err_set(e, ERR_KEY, "the key does not fit: decryption ends in nonsense");
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
