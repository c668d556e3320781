#include "lib/store/s3_part.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

void s3_seals_add(struct s3_seals *s, const struct s3_seal *seal)
{
    s->items = mem_resize_array(s->items, s->count + 1, sizeof(*s->items));
    s->items[s->count++] = *seal;
}

void s3_seals_deinit(struct s3_seals *s)
{
    free(s->items);
    *s = (struct s3_seals){0};
}

struct s3_part *s3_part_new(size_t max)
{
    struct s3_part *p = mem_alloc(sizeof(*p));

    p->bytes = BUF_INIT(max);
    return p;
}

void s3_part_free(struct s3_part *p)
{
    if (p == NULL)
        return;
    buf_deinit(&p->bytes);
    s3_seals_deinit(&p->seals);
    free(p);
}

static int digest(const EVP_MD *type, const void *data, size_t len, uint8_t *out, struct err *e)
{
    if (EVP_Digest(len > 0 ? data : "", len, out, NULL, type, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "%s is not available", EVP_MD_get0_name(type));
    return 0;
}

bool s3_seal_fits(const struct s3_seal *seal, const void *data, size_t len)
{
    uint8_t sha256[STORE_DIGEST_LEN];

    return len == seal->len && digest(EVP_sha256(), data, len, sha256, NULL) == 0 &&
           memcmp(sha256, seal->sha256, sizeof(sha256)) == 0;
}

int s3_part_digest(const struct s3_part *p, struct s3_part_digests *ret, struct err *e)
{
    uint8_t sha256[STORE_DIGEST_LEN];
    size_t at = 0;

    for (size_t i = 0; i < p->seals.count; i++) {
        const struct s3_seal *seal = &p->seals.items[i];
        if (digest(EVP_sha256(), p->bytes.data + at, seal->len, sha256, e) < 0)
            return -1;
        if (memcmp(sha256, seal->sha256, sizeof(sha256)) != 0)
            return err_set(e, ERR_DAMAGED, "the bytes changed in memory before they were sent");
        at += seal->len;
    }
    /* With one seal its digest is that of the whole. */
    if (p->seals.count != 1 && digest(EVP_sha256(), p->bytes.data, p->bytes.len, sha256, e) < 0)
        return -1;
    if (digest(EVP_md5(), p->bytes.data, p->bytes.len, ret->md5, e) < 0)
        return -1;
    hex_encode(sha256, sizeof(sha256), ret->sha256_hex);
    hex_encode(ret->md5, sizeof(ret->md5), ret->md5_hex);
    (void)EVP_EncodeBlock((unsigned char *)ret->md5_base64, ret->md5, sizeof(ret->md5));
    return 0;
}
