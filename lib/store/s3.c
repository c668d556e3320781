/* s3.c — a bucket as a store: opening it, and all calls but put, list and sweep. */
#include "lib/store/s3.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/s3_name.h"
#include "lib/store/s3_store.h"

enum { PARALLEL_MAX = 16 };

static const int64_t LOCK_MAX_S = INT64_C(100) * 365 * 86400;

char *s3_key(const struct s3 *s, const char *name)
{
    return s3_name_to_key(s->prefix, name);
}

int s3_exists(const struct s3 *s, const char *name, struct err *e)
{
    return err_set(e, ERR_EXISTS, "%s: %s exists already", s->base.place, name);
}

void s3_object_headers(const struct s3 *s, struct s3_pairs *headers)
{
    s3_pairs_set(headers, "x-amz-storage-class", s->storage_class);
    s3_pairs_set(headers, "x-amz-server-side-encryption", s->encryption);
    s3_pairs_set(headers, "x-amz-server-side-encryption-aws-kms-key-id", s->encryption_key_id);
    s3_lock_headers(s, headers);
}

bool s3_etag_is_opaque(const struct s3_reply *r)
{
    _cleanup_free_ char *how = http_answer_header(&r->http, "x-amz-server-side-encryption");
    _cleanup_free_ char *own =
        http_answer_header(&r->http, "x-amz-server-side-encryption-customer-algorithm");

    return own != NULL || (how != NULL && str_starts(how, "aws:kms"));
}

/* The first byte of an object: unlike the answer to a HEAD, a refusal of this has a reason in it, by which
 * a missing object is told from a missing bucket. 1: it is there. 0: it is not. */
static int look(struct s3 *s, const char *name, struct err *e)
{
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("look for %s", name);
    char byte;
    struct s3_request req = {
        .method = "GET", .key = key, .what = what, .into = &byte, .into_len = sizeof(byte)};
    struct s3_reply r;
    struct err why = {0};

    s3_pairs_set(&req.headers, "range", "bytes=0-0");
    int rc = s3_send(&s->service, &req, &r, &why);
    bool there = rc == 0 || r.http.status == 416 || /* it is empty, or in an archive */
                 strcmp(r.error.code, "InvalidObjectState") == 0;
    s3_reply_deinit(&r);
    if (there)
        return 1;
    if (e != NULL)
        *e = why;
    return why.code == ERR_NOT_FOUND ? 0 : -1;
}

static int accept_head(void *arg, const struct s3_reply *r, struct err *e)
{
    struct store_object *o = arg;
    _cleanup_free_ char *length = http_answer_header(&r->http, "content-length");
    int64_t size;

    if (length == NULL || str_to_i64(length, 0, INT64_MAX, &size, NULL) < 0) {
        (void)err_set(e, ERR_UNAVAILABLE, "the service does not tell the size");
        return 1;
    }
    o->size = (uint64_t)size;
    return 0;
}

static int s3_stat(struct store *base, const char *name, struct store_object *ret, struct err *e)
{
    struct s3 *s = s3_of(base);
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("look for %s", name);
    struct s3_request req = {
        .method = "HEAD", .key = key, .what = what, .accept = accept_head, .arg = ret};
    struct s3_reply r;

    int rc = s3_send(&s->service, &req, &r, e);
    if (rc == 0) {
        int64_t modified = http_answer_time(&r.http, "last-modified");
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
        ret->modified.us = modified > 0 ? modified * 1000000 : 0;
    }
    bool refused = rc < 0 && r.http.status >= 400 && r.http.status <= 499;
    s3_reply_deinit(&r);
    if (!refused)
        return rc;
    /* It may have come meanwhile, which whoever asks must not take for an absence. */
    return look(s, name, e) == 1
               ? err_set(e, ERR_UNAVAILABLE, "%s: look for %s: the service contradicts itself",
                         s->base.place, name)
               : -1;
}

int s3_refuse_existing(struct s3 *s, const char *name, struct err *e)
{
    int there = atomic_load(&s->conditional_seen) ? 0 : look(s, name, e);

    return there == 1 ? s3_exists(s, name, e) : there;
}

struct range {
    uint64_t offset;
    size_t len, got;
};

/* Is what came the range that was asked for? 200 means the whole object, from its beginning. */
static int accept_range(void *arg, const struct s3_reply *r, struct err *e)
{
    struct range *want = arg;
    _cleanup_free_ char *header = http_answer_header(&r->http, "content-range");
    unsigned long long first, last, total;

    want->got = r->http.into_len;
    if (r->http.status == 200 && header == NULL) {
        if (want->offset == 0)
            return 0;
        return err_set(e, ERR_CONFIG, "the service ignores ranges, without which it is no store");
    }
    if (header == NULL || sscanf(header, "bytes %llu-%llu/%llu", &first, &last, &total) != 3 ||
        first != want->offset || last < first || last >= total || want->got != last - first + 1 ||
        (want->got < want->len && last + 1 != total)) {
        (void)err_set(e, ERR_UNAVAILABLE, "the service answered with another range");
        return 1;
    }
    return 0;
}

static int s3_get(struct store *base, const char *name, uint64_t offset, void *data, size_t len,
                  size_t *ret_len, struct err *e)
{
    struct s3 *s = s3_of(base);
    struct range range = {.offset = offset, .len = len};
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("get %s", name);
    struct s3_request req = {.method = "GET",
                             .key = key,
                             .what = what,
                             .into = data,
                             .into_len = len,
                             .accept = accept_range,
                             .arg = &range};
    struct s3_reply r;

    *ret_len = 0;
    if (len == 0) /* a range cannot be empty, and an absent object must still be told */
        return s3_stat(base, name, &(struct store_object){0}, e);
    s3_pairs_setf(&req.headers, "range", "bytes=%llu-%llu", (unsigned long long)offset,
                  (unsigned long long)(offset + len - 1));
    int rc = s3_send(&s->service, &req, &r, e);
    if (rc < 0 && r.http.status == 416)
        rc = 0; /* it ends before the range */
    else if (rc == 0)
        *ret_len = range.got;
    s3_reply_deinit(&r);
    return rc;
}

/* The service says yes to the deletion of what is not there: so it is asked before. */
static int s3_delete(struct store *base, const char *name, struct err *e)
{
    struct s3 *s = s3_of(base);
    struct store_object o;
    _cleanup_free_ char *key = s3_key(s, name), *what = mem_printf("delete %s", name);
    struct s3_request req = {.method = "DELETE", .key = key, .what = what};
    struct s3_reply r;

    if (s3_stat(base, name, &o, e) < 0)
        return -1;
    int rc = s3_send(&s->service, &req, &r, e);
    if (rc < 0 && r.doubtful && r.http.status == 404)
        rc = 0; /* an earlier try did it */
    s3_reply_deinit(&r);
    return rc;
}

static int s3_space(struct store *s, struct store_space *ret, struct err *e)
{
    (void)s;
    (void)e;
    *ret = (struct store_space){.known = false};
    return 0;
}

static int s3_point(struct store *s, const char *name, const char *target, struct err *e)
{
    (void)s;
    (void)name;
    (void)target;
    (void)e;
    return 0; /* there are no links */
}

static char *s3_local_path(struct store *s, const char *name)
{
    (void)s;
    (void)name;
    return NULL;
}

static void s3_close(struct store *base)
{
    struct s3 *s = s3_of(base);
    struct s3_service *v = &s->service;

    http_free(v->http);
    rate_limiter_free(s->limiter);
    free(v->scheme);
    free(v->host);
    free(v->base);
    free(v->bucket);
    free(v->region);
    free(s->prefix);
    free(s->storage_class);
    free(s->encryption);
    free(s->encryption_key_id);
    free(s);
}

static void s3_stop_reads(struct store *base, store_stop_cb *stop, void *arg)
{
    struct s3 *s = s3_of(base);

    s->service.stop_reads = stop;
    s->service.stop_arg = arg;
    if (stop == NULL)
        s->wait.waiter.stop = NULL;
}

static void s3_give_up(struct store *base)
{
    atomic_store(&s3_of(base)->wait.over, true);
}

static const struct store_ops s3_ops = {
    .close = s3_close,
    .put_begin = s3_put_begin,
    .put_write = s3_put_write,
    .put_seal = s3_put_seal,
    .put_commit = s3_put_commit,
    .put_free = s3_put_free,
    .get = s3_get,
    .list = s3_list,
    .stat = s3_stat,
    .delete = s3_delete,
    .space = s3_space,
    .sweep = s3_sweep,
    .stop_reads = s3_stop_reads,
    .give_up = s3_give_up,
    .point = s3_point,
    .local_path = s3_local_path,
};

/* What goes into headers must not end them. */
static int check_text(const char *option, const char *value, bool needed, struct err *e)
{
    if (value == NULL || value[0] == '\0')
        return needed ? err_set(e, ERR_CONFIG, "`%s` is missing", option) : 0;
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return err_set(e, ERR_CONFIG, "`%s` has a character that cannot be in it", option);
    return 0;
}

static int check_options(const struct s3_options *o, struct err *e)
{
    if (check_text("endpoint", o->endpoint, true, e) < 0 ||
        check_text("region", o->region, true, e) < 0 ||
        check_text("bucket", o->bucket, true, e) < 0 ||
        check_text("storage_class", o->storage_class, false, e) < 0 ||
        check_text("encryption", o->encryption, false, e) < 0 ||
        check_text("encryption_key_id", o->encryption_key_id, false, e) < 0)
        return -1;
    if (strpbrk(o->bucket, "/?#%@:") != NULL)
        return err_set(e, ERR_CONFIG, "`bucket` is a name, without slashes or an address");
    if (o->prefix != NULL && o->prefix[0] != '\0' && !store_is_name(o->prefix))
        return err_set(e, ERR_CONFIG, "`prefix` is parts of a name with single slashes between");
    if (o->access_key == NULL || o->access_key->len == 0 || o->secret_key == NULL ||
        o->secret_key->len == 0)
        return err_set(e, ERR_CONFIG, "the credentials are missing");
    if (o->lock_s < 0 || o->lock_s > LOCK_MAX_S)
        return err_set(e, ERR_CONFIG, "`lock` is longer than a hundred years");
    return 0;
}

/* "https://s3.example.org:9000/base" into scheme, host and base. The default port is left out, as
 * libcurl leaves it out of the header that is signed. */
static int set_endpoint(struct s3_service *v, const struct s3_options *o, struct err *e)
{
    const char *rest = strstr(o->endpoint, "://");
    size_t scheme_len = rest != NULL ? (size_t)(rest - o->endpoint) : 0;

    v->scheme = mem_strndup(o->endpoint, scheme_len);
    if (strcmp(v->scheme, "https") != 0 && strcmp(v->scheme, "http") != 0)
        return err_set(e, ERR_CONFIG, "`endpoint` begins with https:// (or http://)");
    if (strcmp(v->scheme, "http") == 0 && !o->insecure)
        return err_set(e, ERR_CONFIG,
                       "`endpoint` is http://, where everyone on the way can read and change what "
                       "is sent (use https://, or set insecure = yes)");
    rest += 3;
    size_t host_len = strcspn(rest, "/");
    if (host_len == 0 || strpbrk(rest, "?#@") != NULL)
        return err_set(e, ERR_CONFIG, "`endpoint` is https://HOST[:PORT]");
    const char *path = rest + host_len;
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    _cleanup_free_ char *host = mem_strndup(rest, host_len);
    const char *port = strcmp(v->scheme, "https") == 0 ? ":443" : ":80";
    if (str_ends(host, port))
        host[host_len - strlen(port)] = '\0';
    v->host = o->virtual_host ? mem_printf("%s.%s", o->bucket, host) : mem_strdup(host);
    v->base = mem_printf("%.*s%s%s", (int)path_len, path, o->virtual_host ? "" : "/",
                         o->virtual_host ? "" : o->bucket);
    return 0;
}

static char *copy_text(const char *text)
{
    return text != NULL && text[0] != '\0' ? mem_strdup(text) : NULL;
}

int store_open_s3(const struct s3_options *o, struct store **ret, struct err *e)
{
    const char *prefix = o->prefix != NULL ? o->prefix : "";
    struct s3 *s = mem_alloc(sizeof(*s));
    struct s3_service *v = &s->service;

    if (check_options(o, e) < 0 || set_endpoint(v, o, e) < 0) {
        s3_close(&s->base);
        return -1;
    }
    s->parallel = o->parallel < 1 ? 1 : o->parallel > PARALLEL_MAX ? PARALLEL_MAX : o->parallel;
    s->ops = s3_ops;
    s->ops.get_parallel = s->parallel;
    s->ops.readback = o->full_readback ? "read" : "store-checked";
    s->base.ops = &s->ops;
    s->base.place = mem_printf("s3://%s%s%s", o->bucket, prefix[0] != '\0' ? "/" : "", prefix);
    s->prefix = mem_printf("%s%s", prefix, prefix[0] != '\0' ? "/" : "");
    s->storage_class = copy_text(o->storage_class);
    s->encryption = copy_text(o->encryption);
    s->encryption_key_id = copy_text(o->encryption_key_id);
    s->lock_s = o->lock_s;
    s->lock_governance = o->lock_governance;
    s->full_readback = o->full_readback;
    s->limiter = o->upload_rate != NULL ? rate_limiter_new(o->upload_rate) : NULL;
    v->bucket = mem_strdup(o->bucket);
    v->region = mem_strdup(o->region);
    v->place = s->base.place;
    v->access_key = o->access_key;
    v->secret_key = o->secret_key;
    v->session_token = o->session_token;
    s->wait.waiter = o->waiter;
    v->wait = &s->wait;
    v->http = http_new(o->ca_file, s->limiter);
    *ret = &s->base;
    return 0;
}
