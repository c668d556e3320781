/* s3_place.c — the happy path is: the name is free, one request makes the object, a HEAD finds it with the
 * right size and ETag, and where the store wants that, all its bytes are read back.
 *
 * Failure modes: the service does not know If-None-Match (it is remembered; looking first must do:
 * a destination has one owner, so nobody races with us). The answer is lost, and a second try is
 * refused because the first one succeeded: the HEAD tells. The service said yes to other bytes:
 * the object is taken away again, so that nobody takes it for whole. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/read_ahead.h"
#include "lib/store/s3_store.h"

/* The length of the MD5 and what follows it, "" or "-PARTS"; NULL if it has not that form. */
static const char *behind_md5(const char *etag)
{
    size_t hex = 0;

    while (isxdigit((unsigned char)etag[hex]))
        hex++;
    return hex == 32 ? etag + hex : NULL;
}

static bool comparable(const char *etag, const char *expected)
{
    const char *a = behind_md5(etag), *b = behind_md5(expected);

    return a != NULL && b != NULL && (*a == '-') == (*b == '-');
}

bool s3_etag_differs(const struct s3 *s, const struct s3_reply *r, const char *etag,
                     const char *expected)
{
    if (s3_etag_is_opaque(r) || (s->encryption != NULL && str_starts(s->encryption, "aws:kms")))
        return false;
    return etag != NULL && comparable(etag, expected) && strcasecmp(etag, expected) != 0;
}

struct proof {
    const struct s3 *s;
    const struct s3_placing *placing;
    bool locked;
};

static int accept_proof(void *arg, const struct s3_reply *r, struct err *e)
{
    struct proof *p = arg;
    _cleanup_free_ char *lock = http_answer_header(&r->http, "x-amz-object-lock-mode");
    _cleanup_free_ char *length = http_answer_header(&r->http, "content-length");
    _cleanup_free_ char *etag = s3_reply_etag(r);
    int64_t size;

    if (length == NULL || str_to_i64(length, 0, INT64_MAX, &size, NULL) < 0) {
        (void)err_set(e, ERR_UNAVAILABLE, "the service does not tell the size");
        return 1;
    }
    if ((uint64_t)size != p->placing->size) {
        (void)err_set(e, ERR_DAMAGED, "the service holds %lld bytes, %llu were sent",
                      (long long)size, (unsigned long long)p->placing->size);
        return 1;
    }
    if (s3_etag_differs(p->s, r, etag, p->placing->etag)) {
        (void)err_set(e, ERR_DAMAGED, "the service holds other bytes than were sent");
        return 1;
    }
    p->locked = lock != NULL;
    return 0;
}

static int prove(struct s3 *s, const char *name, const struct s3_placing *p, struct err *e)
{
    enum { PROOF_TRIES = 4 };
    struct proof proof = {.s = s, .placing = p};
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("look for %s", name);
    struct s3_request req = {.method = "HEAD",
                             .key = key,
                             .what = what,
                             .tries = PROOF_TRIES,
                             .accept = accept_proof,
                             .arg = &proof};
    struct s3_reply r;

    int rc = s3_send(&s->service, &req, &r, e);
    bool missing = rc < 0 && r.http.status == 404;
    s3_reply_deinit(&r);
    if (missing)
        return err_set(e, ERR_DAMAGED, "%s: %s: the service does not have what it said it stored",
                       s->base.place, name);
    /* Some services (Ceph 16) forget the lock of what was put in parts. */
    return rc == 0 && s->lock_s > 0 && !proof.locked ? s3_lock(s, name, e) : rc;
}

struct reading {
    const struct s3_seals *seals;
    const char *name;
    size_t next;
    uint64_t offset;
};

static int next_range(void *arg, struct store_range *ret)
{
    struct reading *r = arg;

    if (r->next == r->seals->count)
        return 1;
    *ret = (struct store_range){mem_strdup(r->name), r->offset, r->seals->items[r->next].len};
    r->offset += r->seals->items[r->next++].len;
    return 0;
}

static int read_back(struct s3 *s, const char *name, const struct s3_seals *seals, struct err *e)
{
    struct reading reading = {.seals = seals, .name = name};
    struct read_ahead *ahead = read_ahead_new(&s->base, STORE_SEAL_MAX, next_range, &reading);
    int rc = 0;

    for (size_t i = 0; i < seals->count && rc == 0; i++) {
        const uint8_t *data;
        size_t len;
        rc = read_ahead_next(ahead, &data, &len, e);
        if (rc == 0 && !s3_seal_fits(&seals->items[i], data, len))
            rc = err_set(e, ERR_DAMAGED, "%s: %s: the bytes read back are not those sent",
                         s->base.place, name);
    }
    read_ahead_free(ahead);
    return rc;
}

/* 1: once more, without the condition. */
static int make(struct s3 *s, const char *name, enum store_commit how, const struct s3_placing *p,
                bool *ret_maybe, struct err *e)
{
    struct s3_request req = {0};
    struct s3_reply r;
    bool conditional = how == STORE_FAIL_IF_EXISTS && !atomic_load(&s->conditional_not);

    p->build(p->arg, &req);
    if (conditional)
        s3_pairs_set(&req.headers, "if-none-match", "*");
    int rc = s3_send(&s->service, &req, &r, e);
    /* An upload that is not there any more was completed by a try whose answer was lost. */
    *ret_maybe = rc < 0 && (r.doubtful || strcmp(r.error.code, "NoSuchUpload") == 0);
    if (rc < 0 && conditional && r.http.status == 412) {
        atomic_store(&s->conditional_seen, true);
        rc = *ret_maybe ? -1 : s3_exists(s, name, e);
    } else if (rc < 0 && conditional && r.http.status == 501) {
        atomic_store(&s->conditional_not, true);
        rc = 1;
    }
    s3_reply_deinit(&r);
    return rc;
}

static void take_away(struct s3 *s, const char *name)
{
    _cleanup_free_ char *key = s3_key(s, name);
    struct s3_request req = {.method = "DELETE", .key = key, .what = "", .tries = 3};
    struct s3_reply r;

    (void)!s3_send(&s->service, &req, &r, NULL); /* what failed is told either way */
    s3_reply_deinit(&r);
}

int s3_place(struct s3 *s, const char *name, enum store_commit how, const struct s3_placing *p,
             struct err *e)
{
    struct err why = {0};
    bool maybe;

    if (how == STORE_FAIL_IF_EXISTS && s3_refuse_existing(s, name, e) < 0)
        return -1;
    int rc = make(s, name, how, p, &maybe, e);
    if (rc == 1)
        rc = make(s, name, how, p, &maybe, e);
    if (rc != 0)
        return maybe && prove(s, name, p, NULL) == 0 ? 0 : -1;
    if (prove(s, name, p, &why) == 0 &&
        (!s->full_readback || read_back(s, name, p->seals, &why) == 0))
        return 0;
    if (why.code == ERR_DAMAGED)
        take_away(s, name);
    if (e != NULL)
        *e = why;
    return -1;
}
