/* s3_put.c — one object on its way into a bucket.
 *
 * The happy path is: bytes gather in memory; once a named put has a part's worth of sealed ones and
 * more come, a multipart upload begins; what is smaller, or has no name yet, goes out in one request
 * at commit.
 *
 * Failure modes: see s3_upload.c and s3_place.c. An upload that was begun with STORE_RESUME is left
 * behind by a failure, for the next attempt; sweep ends it when none comes. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_store.h"
#include "lib/store/s3_upload.h"

enum { PART_MAX = 6 * 8 * 1024 * 1024 + STORE_SEAL_MAX };

struct s3_put {
    struct store_put base;
    struct s3 *s;
    bool named, resume;
    struct s3_part *part;     /* being filled */
    struct s3_upload *upload; /* or NULL */
    struct s3_seals seals;    /* of the whole object, where it is to be read back */
};

static struct s3_put *put_of(struct store_put *p)
{
    return (struct s3_put *)p;
}

int s3_put_begin(struct store *s, const char *name, enum store_begin how, struct store_put **ret,
                 struct err *e)
{
    struct s3_put *p = mem_alloc(sizeof(*p));

    (void)e;
    p->base.store = s;
    p->s = s3_of(s);
    p->named = name != NULL;
    p->resume = how == STORE_RESUME;
    p->part = s3_part_new(p->named ? PART_MAX : STORE_UNNAMED_MAX);
    *ret = &p->base;
    return 0;
}

static int flush(struct s3_put *p, struct err *e)
{
    if (p->upload == NULL)
        p->upload = s3_upload_new(p->s, p->base.name, p->resume);
    struct s3_part *part = p->part;
    p->part = s3_part_new(PART_MAX);
    return s3_upload_add(p->upload, part, e);
}

int s3_put_write(struct store_put *base, const void *data, size_t len, struct err *e)
{
    struct s3_put *p = put_of(base);
    struct s3_part *part = p->part;

    if (p->named && part->sealed == part->bytes.len &&
        part->bytes.len >= s3_upload_part_size(p->upload) && flush(p, e) < 0)
        return -1;
    if (buf_append(&p->part->bytes, data, len, NULL) < 0)
        return err_set(e, ERR_LIMIT, "%s: more than %zu bytes for an object %s", base->store->place,
                       p->part->bytes.max,
                       p->named ? "without a seal" : "whose name is not known yet");
    return 0;
}

int s3_put_seal(struct store_put *base, uint64_t offset, size_t len,
                const uint8_t sha256[STORE_DIGEST_LEN], struct err *e)
{
    struct s3_put *p = put_of(base);
    struct s3_seal seal = {.len = len};

    (void)offset;
    (void)e;
    memcpy(seal.sha256, sha256, sizeof(seal.sha256));
    s3_seals_add(&p->part->seals, &seal);
    p->part->sealed += len;
    if (p->s->full_readback)
        s3_seals_add(&p->seals, &seal);
    return 0;
}

struct whole {
    struct s3_put *put;
    char *key, *what;
    struct s3_part_digests digests;
};

static int accept_whole(void *arg, const struct s3_reply *r, struct err *e)
{
    struct whole *w = arg;
    _cleanup_free_ char *etag = s3_reply_etag(r);

    if (s3_etag_differs(w->put->s, r, etag, w->digests.md5_hex)) {
        (void)err_set(e, ERR_DAMAGED, "the service confirmed other bytes than were sent");
        return 1;
    }
    return 0;
}

static void build_whole(void *arg, struct s3_request *req)
{
    struct whole *w = arg;
    struct s3_part *part = w->put->part;

    *req = (struct s3_request){.method = "PUT",
                               .key = w->key,
                               .what = w->what,
                               .body = part->bytes.data,
                               .body_len = part->bytes.len,
                               .body_sha256 = w->digests.sha256_hex,
                               .accept = accept_whole,
                               .arg = w};
    s3_pairs_set(&req->headers, "content-md5", w->digests.md5_base64);
    s3_object_headers(w->put->s, &req->headers);
}

static int put_whole(struct s3_put *p, const char *name, enum store_commit how, struct err *e)
{
    struct whole w = {.put = p};
    struct s3_placing placing = {build_whole, &w, w.digests.md5_hex, p->part->bytes.len, &p->seals};

    if (s3_part_digest(p->part, &w.digests, e) < 0)
        return err_wrap(e, "%s: %s", p->s->base.place, name);
    w.key = s3_key(p->s, name);
    w.what = mem_printf("put %s", name);
    int rc = s3_place(p->s, name, how, &placing, e);
    free(w.key);
    free(w.what);
    return rc;
}

int s3_put_commit(struct store_put *base, const char *name, enum store_commit how, struct err *e)
{
    struct s3_put *p = put_of(base);

    if (p->upload == NULL)
        return put_whole(p, name, how, e);
    if (flush(p, e) < 0)
        return -1;
    return s3_upload_complete(p->upload, how, &p->seals, e);
}

void s3_put_free(struct store_put *base)
{
    struct s3_put *p = put_of(base);

    s3_upload_free(p->upload, p->resume);
    s3_part_free(p->part);
    s3_seals_deinit(&p->seals);
    free(p);
}
