#include "lib/repository/index_put.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/base/mem.h"

enum { PIECE = 4 << 20 };

struct digest {
    EVP_MD_CTX *context;
    uint64_t len;
};

static int digest_sink(void *arg, const void *data, size_t len, struct err *e)
{
    struct digest *d = arg;

    d->len += len;
    return EVP_DigestUpdate(d->context, data, len) == 1
               ? 0
               : err_set(e, ERR_INTERNAL, "SHA-256 failed");
}

int index_object_new(struct index_segment *g, const struct keys *k, struct index_object *ret,
                     struct err *e)
{
    struct digest d = {.context = EVP_MD_CTX_new()};
    int rc = keys_object_new(k, INDEX_MAGIC, OBJECT_DATA, ret->header, ret->key, e);

    if (rc == 0 && (d.context == NULL || EVP_DigestInit_ex(d.context, EVP_sha256(), NULL) != 1))
        rc = err_set(e, ERR_INTERNAL, "SHA-256 cannot begin");
    if (rc == 0)
        rc = index_segment_seal(g, ret->header, ret->key, digest_sink, &d, e);
    if (rc == 0 && EVP_DigestFinal_ex(d.context, g->name.bytes, NULL) != 1)
        rc = err_set(e, ERR_INTERNAL, "SHA-256 failed");
    EVP_MD_CTX_free(d.context);
    g->object_len = d.len;
    return rc;
}

struct putting {
    struct store_put *put;
    uint8_t *piece; /* owned */
    size_t len;
};

static int flush(struct putting *p, struct err *e)
{
    uint8_t hash[SEAL_HASH_LEN];

    if (p->len == 0)
        return 0;
    seal_sha256(p->piece, p->len, hash);
    if (store_put_write(p->put, p->piece, p->len, e) < 0 || store_put_seal(p->put, hash, e) < 0)
        return -1;
    p->len = 0;
    return 0;
}

static int put_sink(void *arg, const void *data, size_t len, struct err *e)
{
    struct putting *p = arg;
    const uint8_t *at = data;

    while (len > 0) {
        size_t n = PIECE - p->len < len ? PIECE - p->len : len;
        memcpy(p->piece + p->len, at, n);
        p->len += n;
        at += n;
        len -= n;
        if (p->len == PIECE && flush(p, e) < 0)
            return -1;
    }
    return 0;
}

int index_object_put(struct index_segment *g, const struct index_object *o, struct store *s,
                     struct err *e)
{
    struct putting p = {0};
    char object[80];

    index_segment_object(&g->name, object);
    if (store_put_begin(s, object, STORE_AFRESH, &p.put, e) < 0)
        return -1;
    p.piece = mem_alloc(PIECE);
    int rc = index_segment_seal(g, o->header, o->key, put_sink, &p, e);
    if (rc == 0)
        rc = flush(&p, e);
    free(p.piece);
    if (rc < 0) {
        store_put_abort(p.put);
        return -1;
    }
    return store_put_commit(p.put, object, STORE_REPLACE, e);
}
