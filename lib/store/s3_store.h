/* s3_store.h — what the files of the S3 store share; no one else includes this. */
#pragma once

#include <stdatomic.h>

#include "lib/store/ops.h"
#include "lib/store/s3.h"
#include "lib/store/s3_part.h"
#include "lib/store/s3_request.h"

struct s3 {
    struct store base;
    struct store_ops
        ops; /* base.ops points here: get_parallel and readback depend on the options */
    struct s3_service service;
    struct store_wait wait;                               /* the service borrows it */
    struct rate_limiter *limiter;                         /* or NULL */
    char *prefix;                                         /* "" or "host1/" */
    char *storage_class, *encryption, *encryption_key_id; /* or NULL */
    int64_t lock_s;
    bool lock_governance, full_readback;
    int parallel;
    atomic_bool
        conditional_seen;        /* the service has refused with 412 once: it knows If-None-Match */
    atomic_bool conditional_not; /* it does not know it */
};

static inline struct s3 *s3_of(struct store *s)
{
    return (struct s3 *)s;
}

enum { S3_ETAG_MAX = 64 };

/* The key of an object, owned. */
char *s3_key(const struct s3 *s, const char *name);
/* What every object gets: storage class, encryption, lock. */
void s3_object_headers(const struct s3 *s, struct s3_pairs *headers);
/* Is the ETag of this answer no MD5, because a key service encrypts the object? */
bool s3_etag_is_opaque(const struct s3_reply *r);
/* Before a put that must not replace anything: ERR_EXISTS. Nothing is asked where the service itself will
 * refuse. */
int must_check s3_refuse_existing(struct s3 *s, const char *name, struct err *e);
int s3_exists(const struct s3 *s, const char *name, struct err *e); /* fills ERR_EXISTS, -1 */

/* s3_list.c */
int s3_list(struct store *s, const char *prefix, bool fold, const char *after,
            struct store_object *out, size_t max, size_t *ret_count, struct err *e);

/* s3_sweep.c */
int s3_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e);
/* The uploads under this key prefix, all pages; each is given to cb until it returns non-zero,
 * which is the result. */
typedef int s3_upload_cb(void *arg, const struct s3_xml_upload *u, struct err *e);
int must_check s3_each_upload(struct s3 *s, const char *key_prefix, s3_upload_cb *cb, void *arg,
                              struct err *e);
int must_check s3_abort_upload(struct s3 *s, const char *key, const char *id, struct err *e);

/* s3_lock.c: what an object that is to be locked gets with its put, and afterwards. */
void s3_lock_headers(const struct s3 *s, struct s3_pairs *headers);
int must_check s3_lock(struct s3 *s, const char *name, struct err *e);

/* s3_place.c: the request that makes an object, and the proof that it is there. */
struct s3_placing {
    /* Fills a new request, as often as it is asked for. */
    void (*build)(void *arg, struct s3_request *req);
    void *arg;
    const char *etag; /* what the object's will be: MD5, or MD5-PARTS */
    uint64_t size;
    const struct s3_seals *seals; /* read back and compared where the store does that */
};
/* ERR_EXISTS only with STORE_FAIL_IF_EXISTS. When it fails after the service said yes, the object is
 * taken away again. */
int must_check s3_place(struct s3 *s, const char *name, enum store_commit how,
                        const struct s3_placing *p, struct err *e);
/* Does this ETag say that other bytes were stored? No, where it cannot be compared. */
bool s3_etag_differs(const struct s3 *s, const struct s3_reply *r, const char *etag,
                     const char *expected);

/* s3_put.c */
int s3_put_begin(struct store *s, const char *name, enum store_begin how, struct store_put **ret,
                 struct err *e);
int s3_put_write(struct store_put *p, const void *data, size_t len, struct err *e);
int s3_put_seal(struct store_put *p, uint64_t offset, size_t len,
                const uint8_t sha256[STORE_DIGEST_LEN], struct err *e);
int s3_put_commit(struct store_put *p, const char *name, enum store_commit how, struct err *e);
void s3_put_free(struct store_put *p);
