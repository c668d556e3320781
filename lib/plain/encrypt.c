#include "lib/plain/encrypt.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/mem.h"

struct encrypt {
    EVP_CIPHER_CTX *ctx; /* NULL: the processor has what aes_sha wants */
    struct aes_sha aes;
    struct digest_pair *digests;
    uint8_t carried[CIPHER_BLOCK];
    size_t carried_len;
};

int encrypt_new(const struct secret *key, struct digest_pair *digests,
                uint8_t header[CIPHER_HEADER], struct encrypt **ret, struct err *e)
{
    uint8_t material[CIPHER_KEY + CIPHER_BLOCK];

    if (cipher_header_new(header, e) < 0 || cipher_stretch_header(key, header, material, e) < 0)
        return -1;
    struct encrypt *x = mem_alloc(sizeof(*x));
    bool ok = true;
    x->digests = digests;
    if (aes_sha_have()) {
        aes_sha_start(&x->aes, material, material + CIPHER_KEY);
    } else {
        x->ctx = EVP_CIPHER_CTX_new();
        ok = x->ctx != NULL && EVP_EncryptInit_ex(x->ctx, EVP_aes_256_cbc(), NULL, material,
                                                  material + CIPHER_KEY) == 1;
        ok = ok && EVP_CIPHER_CTX_set_padding(x->ctx, 0) == 1;
    }
    mem_wipe(material, sizeof(material));
    if (!ok) {
        encrypt_free(x);
        return err_set(e, ERR_INTERNAL, "OpenSSL has no AES-256-CBC");
    }
    digest_pair_update(digests, header, CIPHER_HEADER);
    *ret = x;
    return 0;
}

size_t encrypt_carried(const struct encrypt *x)
{
    return x->carried_len;
}

static int whole_blocks(struct encrypt *x, const uint8_t *data, size_t blocks, uint8_t *out,
                        struct err *e)
{
    int n = 0;

    if (blocks == 0)
        return 0;
    if (x->ctx == NULL) {
        digest_pair_encrypt(x->digests, &x->aes, data, blocks, out);
        return 0;
    }
    size_t len = blocks * CIPHER_BLOCK;
    if (len > INT_MAX - CIPHER_BLOCK || EVP_EncryptUpdate(x->ctx, out, &n, data, (int)len) != 1 ||
        (size_t)n != len)
        return err_set(e, ERR_INTERNAL, "OpenSSL cannot go on with AES-256-CBC");
    digest_pair_update(x->digests, out, len);
    return 0;
}

int encrypt_update(struct encrypt *x, const uint8_t *data, size_t len, uint8_t *out,
                   size_t *ret_len, struct err *e)
{
    size_t done = 0;

    *ret_len = 0;
    if (x->carried_len > 0) {
        size_t wanted = CIPHER_BLOCK - x->carried_len;
        done = len < wanted ? len : wanted;
        memcpy(x->carried + x->carried_len, data, done);
        x->carried_len += done;
        if (x->carried_len < CIPHER_BLOCK)
            return 0;
        if (whole_blocks(x, x->carried, 1, out, e) < 0)
            return -1;
        x->carried_len = 0;
        *ret_len = CIPHER_BLOCK;
    }
    size_t blocks = (len - done) / CIPHER_BLOCK;
    if (whole_blocks(x, data + done, blocks, out + *ret_len, e) < 0)
        return -1;
    *ret_len += blocks * CIPHER_BLOCK;
    done += blocks * CIPHER_BLOCK;
    memcpy(x->carried, data + done, len - done);
    x->carried_len = len - done;
    return 0;
}

int encrypt_final(struct encrypt *x, uint8_t out[CIPHER_BLOCK], struct err *e)
{
    size_t padding = CIPHER_BLOCK - x->carried_len; /* PKCS#7: each byte says how many there are */

    memset(x->carried + x->carried_len, (int)padding, padding);
    return whole_blocks(x, x->carried, 1, out, e);
}

void encrypt_free(struct encrypt *x)
{
    if (x == NULL)
        return;
    EVP_CIPHER_CTX_free(x->ctx); /* cleanses the key schedule */
    mem_wipe(x, sizeof(*x));
    free(x);
}
