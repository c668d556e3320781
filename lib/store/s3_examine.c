/* s3_examine.c — the happy path is: list, put a probe, put it twice more, get it, delete it; then
 * ask for the bucket's settings. What is denied is an answer too; anything else that fails on the
 * first request (no service, no bucket, wrong keys) is the failure of the whole. */
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_lifecycle.h"
#include "lib/store/s3_store.h"

struct examination {
    struct s3 *s;
    struct s3_report *report;
    char *probe; /* key */
};

static enum s3_answer answer_of(int rc, long status)
{
    if (rc == 0)
        return S3_YES;
    return status == 403 || status == 401 ? S3_NO : S3_UNKNOWN;
}

/* The reply is the caller's to deinit. */
static int ask(const struct examination *x, struct s3_request *req, struct s3_reply *r,
               struct err *e)
{
    int rc = s3_send(&x->s->service, req, r, e);
    int64_t skew;

    if (s3_reply_clock_skew(r, &skew))
        x->report->clock_skew_s = skew;
    return rc;
}

static int examine_list(const struct examination *x, struct err *e)
{
    struct s3_request req = {.method = "GET", .what = "list"};
    struct s3_reply r;

    s3_pairs_set(&req.query, "list-type", "2");
    s3_pairs_set(&req.query, "max-keys", "1");
    s3_pairs_set(&req.query, "prefix", x->s->prefix);
    int rc = ask(x, &req, &r, e);
    bool denied = strcmp(r.error.code, "AccessDenied") == 0;
    s3_reply_deinit(&r);
    x->report->can_list = rc == 0 ? S3_YES : S3_NO;
    return rc == 0 || denied ? 0 : -1;
}

static enum s3_answer put_probe(const struct examination *x, bool conditional, long *ret_status)
{
    static const char body[] = "put by synbakctl doctor, which deletes it if it may\n";
    struct s3_request req = {
        .method = "PUT", .key = x->probe, .what = "", .body = body, .body_len = sizeof(body) - 1};
    struct s3_part part = {.bytes = {.data = (uint8_t *)body, .len = sizeof(body) - 1}};
    struct s3_part_digests digests;
    struct s3_reply r;

    /* Buckets with a lock of their own want a digest; a lock of ours would keep the probe. */
    if (s3_part_digest(&part, &digests, NULL) == 0)
        s3_pairs_set(&req.headers, "content-md5", digests.md5_base64);
    if (conditional)
        s3_pairs_set(&req.headers, "if-none-match", "*");
    int rc = ask(x, &req, &r, NULL);
    *ret_status = r.http.status;
    s3_reply_deinit(&r);
    return answer_of(rc, *ret_status);
}

static enum s3_answer use_probe(const struct examination *x, const char *method)
{
    struct s3_request req = {.method = method, .key = x->probe, .what = ""};
    struct s3_reply r;

    int rc = ask(x, &req, &r, NULL);
    enum s3_answer answer = answer_of(rc, r.http.status);
    s3_reply_deinit(&r);
    return answer;
}

static void examine_objects(const struct examination *x)
{
    struct s3_report *report = x->report;
    long status;

    report->can_put = put_probe(x, false, &status);
    if (report->can_put == S3_YES) {
        enum s3_answer twice = put_probe(x, true, &status);
        report->conditional_put = status == 412                      ? S3_YES
                                  : twice == S3_YES || status == 501 ? S3_NO
                                                                     : S3_UNKNOWN;
        report->can_overwrite = put_probe(x, false, &status);
        report->can_get = use_probe(x, "GET");
        report->can_delete = use_probe(x, "DELETE");
    }
}

/* One of the bucket's settings. What the service has no such setting of is NO; what it does not tell,
 * UNKNOWN. The reply is the caller's to deinit. */
static enum s3_answer ask_setting(const struct examination *x, const char *name, struct s3_reply *r)
{
    struct s3_request req = {.method = "GET", .what = "", .tries = 3};

    s3_pairs_set(&req.query, name, "");
    if (ask(x, &req, r, NULL) == 0)
        return S3_YES;
    return r->http.status == 404 ? S3_NO : S3_UNKNOWN;
}

static char *text_at(const struct s3_reply *r, const char *path)
{
    char *text;

    return s3_xml_read_text(r->http.body.data, r->http.body.len, path, &text, NULL) == 0 ? text
                                                                                         : NULL;
}

/* A setting that is on where this text of it says "Enabled". */
static enum s3_answer ask_enabled(const struct examination *x, const char *name, const char *path)
{
    struct s3_reply r;
    enum s3_answer answer = ask_setting(x, name, &r);

    if (answer == S3_YES) {
        _cleanup_free_ char *status = text_at(&r, path);
        answer = str_equal(status, "Enabled") ? S3_YES : S3_NO;
    }
    s3_reply_deinit(&r);
    return answer;
}

static void examine_lock(const struct examination *x)
{
    struct s3_reply r;
    enum s3_answer answer = ask_setting(x, "object-lock", &r);
    int64_t days = 0, years = 0;

    if (answer == S3_YES) {
        _cleanup_free_ char *on = text_at(&r, "ObjectLockConfiguration/ObjectLockEnabled");
        _cleanup_free_ char *d = text_at(&r, "ObjectLockConfiguration/Rule/DefaultRetention/Days");
        _cleanup_free_ char *y = text_at(&r, "ObjectLockConfiguration/Rule/DefaultRetention/Years");
        answer = str_equal(on, "Enabled") ? S3_YES : S3_NO;
        if (d == NULL || str_to_i64(d, 0, 36500, &days, NULL) < 0)
            days = 0;
        if (y == NULL || str_to_i64(y, 0, 100, &years, NULL) < 0)
            years = 0;
        x->report->default_lock_days = days + years * 365;
        x->report->lock_mode = text_at(&r, "ObjectLockConfiguration/Rule/DefaultRetention/Mode");
    }
    x->report->object_lock = answer;
    s3_reply_deinit(&r);
}

static void examine_lifecycle(const struct examination *x)
{
    struct s3_reply r;

    if (ask_setting(x, "lifecycle", &r) == S3_YES)
        s3_lifecycle_describe(r.http.body.data, r.http.body.len, x->s->prefix, &x->report->expiry);
    s3_reply_deinit(&r);
}

/* One name for each identity: where it may not delete, only one probe stays. */
static char *probe_key(const struct s3 *s)
{
    const struct secret *id = s->service.access_key;
    uint8_t digest[STORE_DIGEST_LEN];
    char hex[17];

    if (EVP_Digest(id->text, id->len, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* memory, as in mem.h */
    hex_encode(digest, 8, hex);
    return mem_printf("%s.synbak-probe-%s", s->prefix, hex);
}

int s3_examine(struct store *base, struct s3_report *ret, struct err *e)
{
    struct s3 *s = s3_of(base);
    struct examination x = {.s = s, .report = ret};

    *ret = (struct s3_report){0};
    if (examine_list(&x, e) < 0)
        return -1;
    x.probe = probe_key(s);
    examine_objects(&x);
    ret->versioning = ask_enabled(&x, "versioning", "VersioningConfiguration/Status");
    examine_lock(&x);
    ret->replication = ask_enabled(&x, "replication", "ReplicationConfiguration/Rule/Status");
    examine_lifecycle(&x);
    free(x.probe);
    return 0;
}

void s3_report_deinit(struct s3_report *r)
{
    strlist_deinit(&r->expiry);
    free(r->lock_mode);
    *r = (struct s3_report){0};
}
