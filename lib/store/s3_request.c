/* s3_request.c — the happy path is: headers, signature, one try, a 2xx answer.
 *
 * Failure modes: no answer, 5xx, 429 and "try later" are tried again with growing pauses for up to
 * two minutes (a person waits less for the first answer, waiter.h); a refusal is told at once. Each try is
 * signed anew, because signatures age. */
#include "lib/store/s3_request.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/store/s3_refusal.h"
#include "lib/store/s3_sign.h"

enum { TRIES = 8, PAUSE_FIRST_MS = 200, PAUSE_MAX_MS = 10000, PATIENCE_S = 110, LOOK_MS = 500 };

static void sha256_hex(const void *data, size_t len, char out[65])
{
    uint8_t digest[32];

    if (EVP_Digest(len > 0 ? data : "", len, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* memory, as in mem.h */
    hex_encode(digest, sizeof(digest), out);
}

static char *sign(const struct s3_service *s, const struct s3_request *req, const char *path,
                  const char *sha256, struct s3_pairs *headers)
{
    struct wall now = clock_wall();
    char date[32];

    s3_pairs_copy(headers, &req->headers);
    s3_pairs_set(headers, "host", s->host);
    s3_pairs_set(headers, "x-amz-content-sha256", sha256);
    s3_pairs_set(headers, "x-amz-date", s3_sign_date(now, date));
    if (s->session_token != NULL)
        s3_pairs_set(headers, "x-amz-security-token", s->session_token->text);
    return s3_sign_authorization(&(struct s3_sign_request){.method = req->method,
                                                           .path = path,
                                                           .query = &req->query,
                                                           .headers = headers,
                                                           .payload_sha256 = sha256,
                                                           .region = s->region,
                                                           .service = "s3",
                                                           .when = now},
                                 s->access_key, s->secret_key);
}

static char *path_of(const struct s3_service *s, const struct s3_request *req)
{
    _cleanup_free_ char *key = req->key != NULL ? s3_sign_encode(req->key, true) : NULL;

    return mem_printf("%s%s%s", s->base, key != NULL || s->base[0] == '\0' ? "/" : "",
                      key != NULL ? key : "");
}

static bool is_read(const struct s3_request *req)
{
    return strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
}

/* A request on its way. */
struct attempt {
    const struct s3_service *service;
    const struct s3_request *req;
};

/* What takes away again what was begun (DELETE) is sent even then, but only once. */
static bool is_unwanted(void *arg, bool sent)
{
    const struct attempt *a = arg;
    const struct s3_service *s = a->service;
    bool first = is_read(a->req) && !atomic_load(&s->wait->answered);

    if (atomic_load(&s->wait->over))
        return true;
    if (store_wait_look(s->wait, s->place) && strcmp(a->req->method, "DELETE") != 0 &&
        (!sent || first))
        return true;
    return is_read(a->req) && s->stop_reads != NULL && s->stop_reads(s->stop_arg);
}

static bool is_stopped(const struct s3_service *s, const struct s3_request *req)
{
    return (req->stop != NULL && atomic_load(req->stop)) || store_wait_look(s->wait, s->place) ||
           (is_read(req) && s->stop_reads != NULL && s->stop_reads(s->stop_arg));
}

static int send_once(const struct s3_service *s, const struct s3_request *req, const char *sha256,
                     struct http_answer *ret, bool *ret_transient, struct err *e)
{
    struct s3_pairs headers = {0};
    struct strlist lines = {0};
    _cleanup_free_ char *path = path_of(s, req);
    _cleanup_free_ char *query = s3_sign_query(&req->query);
    _cleanup_free_ char *url =
        mem_printf("%s://%s%s%s%s", s->scheme, s->host, path, query[0] != '\0' ? "?" : "", query);
    _cleanup_free_ char *authorization = sign(s, req, path, sha256, &headers);
    struct attempt attempt = {.service = s, .req = req};
    const int most_s = store_wait_is_short(s->wait) ? WAITER_MUTE_S : 0;

    for (size_t i = 0; i < headers.count; i++)
        strlist_addf(&lines, "%s: %s", headers.items[i].name, headers.items[i].value);
    strlist_addf(&lines, "Authorization: %s", authorization);
    int rc = http_perform(s->http,
                          &(struct http_request){.method = req->method,
                                                 .url = url,
                                                 .headers = &lines,
                                                 .body = req->body,
                                                 .body_len = req->body_len,
                                                 .into = req->into,
                                                 .into_len = req->into_len,
                                                 .connect_s = most_s,
                                                 .stall_s = most_s > 0 ? most_s : req->stall_s,
                                                 .stop = req->stop,
                                                 .stopped = is_unwanted,
                                                 .stopped_arg = &attempt},
                          ret, ret_transient, e);
    if (rc == 0)
        store_wait_answered(s->wait);
    strlist_deinit(&lines);
    s3_pairs_deinit(&headers);
    return rc;
}

/* 0: done. 1: try again. -1: it is final. */
static int judge(const struct s3_service *s, const struct s3_request *req, struct s3_reply *r,
                 struct err *e)
{
    r->error = (struct s3_xml_error){0};
    bool refused = s3_xml_read_error(r->http.body.data, r->http.body.len, &r->error);
    /* An answer that took long began with 200 before its outcome was known. */
    if (r->http.status >= 200 && r->http.status <= 299 && !refused)
        return req->accept != NULL ? req->accept(req->arg, r, e) : 0;
    return s3_refusal_explain(s, r, e);
}

static int64_t pause_ms(const struct s3_service *s, int tries)
{
    int64_t most = store_wait_is_short(s->wait) ? WAITER_PAUSE_MS : PAUSE_FIRST_MS;
    uint16_t random = 0;

    for (int i = 1; i < tries && most < PAUSE_MAX_MS; i++)
        most *= 2;
    most = most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS;
    (void)io_random(&random, sizeof(random)); /* without it all pause alike */
    return most / 2 + most / 2 * random / UINT16_MAX;
}

/* False: nobody waits for it any more. */
static bool pause_unless_stopped(const struct s3_service *s, const struct s3_request *req,
                                 int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= LOOK_MS) {
        if (is_stopped(s, req))
            return false;
        clock_sleep_ms(left < LOOK_MS ? left : LOOK_MS);
    }
    return !is_stopped(s, req);
}

/* How often it is tried in all, after a failure of this kind. */
static int tries_at_most(const struct s3_service *s, const struct s3_request *req,
                         enum err_code why)
{
    const int usual = req->tries > 0 ? req->tries : TRIES;

    if (!store_wait_is_short(s->wait))
        return usual;
    return why == ERR_TIMEOUT ? 1 : usual < WAITER_TRIES ? usual : WAITER_TRIES;
}

static int try_all(const struct s3_service *s, const struct s3_request *req, const char *sha256,
                   struct s3_reply *r, struct err *e)
{
    struct mono begin = clock_mono();

    store_wait_begin(s->wait);
    for (int tries = 1;; tries++) {
        bool transient;
        http_answer_deinit(&r->http);
        int rc = send_once(s, req, sha256, &r->http, &transient, e);
        r->doubtful = r->doubtful || r->http.resent;
        rc = rc == 0 ? judge(s, req, r, e) : transient ? 1 : -1;
        if (rc <= 0)
            return rc;
        r->doubtful = true;
        int64_t pause = pause_ms(s, tries);
        if (tries >= tries_at_most(s, req, e->code) ||
            clock_mono().us - begin.us + pause * 1000 > PATIENCE_S * 1000000LL)
            return -1;
        if (!pause_unless_stopped(s, req, pause))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
}

int s3_send(const struct s3_service *s, struct s3_request *req, struct s3_reply *ret, struct err *e)
{
    char sha256[65];
    struct err why = {0};

    *ret = (struct s3_reply){0};
    if (req->body_sha256 == NULL)
        sha256_hex(req->body, req->body_len, sha256);
    int rc = try_all(s, req, req->body_sha256 != NULL ? req->body_sha256 : sha256, ret, &why);
    s3_pairs_deinit(&req->query);
    s3_pairs_deinit(&req->headers);
    if (rc == 0)
        return 0;
    (void)err_wrap(&why, "%s: %s", s->place, req->what);
    if (e != NULL)
        *e = why;
    return -1;
}

void s3_reply_deinit(struct s3_reply *r)
{
    http_answer_deinit(&r->http);
}

bool s3_reply_clock_skew(const struct s3_reply *r, int64_t *ret_s)
{
    int64_t theirs = http_answer_time(&r->http, "date");

    *ret_s = theirs - clock_wall().us / 1000000;
    return theirs >= 0;
}

char *s3_reply_etag(const struct s3_reply *r)
{
    char *etag = http_answer_header(&r->http, "etag");

    return etag != NULL ? s3_xml_unquote(etag) : NULL;
}
