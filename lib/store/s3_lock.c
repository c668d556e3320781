/* s3_lock.c — object lock: until when an object can be neither replaced nor deleted by anybody. */
#include "lib/base/mem.h"
#include "lib/store/s3_store.h"

static const char *mode(const struct s3 *s)
{
    return s->lock_governance ? "GOVERNANCE" : "COMPLIANCE";
}

static const char *until(const struct s3 *s, char out[32])
{
    return clock_iso8601((struct wall){clock_wall().us + s->lock_s * 1000000}, out);
}

void s3_lock_headers(const struct s3 *s, struct s3_pairs *headers)
{
    char end[32];

    if (s->lock_s <= 0)
        return;
    s3_pairs_set(headers, "x-amz-object-lock-mode", mode(s));
    s3_pairs_set(headers, "x-amz-object-lock-retain-until-date", until(s, end));
}

int s3_lock(struct s3 *s, const char *name, struct err *e)
{
    char end[32];
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("lock %s", name);
    struct s3_part *part = s3_part_new(1024);
    struct s3_part_digests digests;
    struct s3_request req = {.method = "PUT", .key = key, .what = what};
    struct s3_reply r;

    int rc = buf_printf(&part->bytes, e,
                        "<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"
                        "</Retention>",
                        mode(s), until(s, end));
    if (rc == 0)
        rc = s3_part_digest(part, &digests, e);
    if (rc == 0) {
        req.body = part->bytes.data;
        req.body_len = part->bytes.len;
        s3_pairs_set(&req.query, "retention", "");
        s3_pairs_set(&req.headers, "content-md5", digests.md5_base64);
        rc = s3_send(&s->service, &req, &r, e);
        s3_reply_deinit(&r);
    }
    s3_part_free(part);
    return rc;
}
