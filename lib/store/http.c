/* http.c — the happy path is: take an idle handle or make one, set it up anew (its connections
 * stay), send, take the answer apart, put the handle back.
 *
 * Failure modes: no connection, no trust, no bytes for a while, an answer cut off. libcurl itself
 * tries once more when a kept connection turns out to be dead, hence the rewinding of the body. */
#include "lib/store/http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"

enum {
    CONNECT_TIMEOUT_S = 15,
    STALL_S = 30,
    IDLE_MAX = 32, /* 16 readers beside 16 writers */
    HEADERS_MAX = 64 * 1024,
    BUFFER = 512 * 1024
};

/* A handle keeps its connection from one request to the next. */
struct handle {
    CURL *curl;
    curl_socket_t socket; /* of that connection, as far as it was used; else CURL_SOCKET_BAD */
};

struct http {
    char *ca_file;
    struct rate_limiter *limiter;
    pthread_mutex_t lock; /* guards what follows */
    struct handle idle[IDLE_MAX];
    size_t idle_count;
};

/* One request under way. */
struct exchange {
    struct http *http;
    const struct http_request *req;
    struct http_answer *answer;
    struct handle handle;
    size_t sent;
    bool full;     /* `into` has all that it can hold */
    bool too_long; /* the answer has more than we take */
};

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(const char *ca_file, struct rate_limiter *limiter)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http *h = mem_alloc(sizeof(*h));

    (void)pthread_once(&once, global_init);
    h->ca_file = mem_strdup(ca_file);
    h->limiter = limiter;
    if (pthread_mutex_init(&h->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return h;
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->idle_count; i++)
        curl_easy_cleanup(h->idle[i].curl);
    (void)pthread_mutex_destroy(&h->lock);
    free(h->ca_file);
    free(h);
}

static struct handle take_handle(struct http *h)
{
    struct handle x = {NULL, CURL_SOCKET_BAD};

    (void)pthread_mutex_lock(&h->lock);
    if (h->idle_count > 0)
        x = h->idle[--h->idle_count]; /* the newest: its connection is the likeliest to live */
    (void)pthread_mutex_unlock(&h->lock);
    if (x.curl == NULL)
        x.curl = curl_easy_init();
    if (x.curl == NULL)
        abort(); /* memory, as in mem.h */
    return x;
}

static void give_handle(struct http *h, struct handle x)
{
    if (curl_easy_getinfo(x.curl, CURLINFO_ACTIVESOCKET, &x.socket) != CURLE_OK)
        x.socket = CURL_SOCKET_BAD;
    curl_easy_reset(x.curl); /* forgets the headers of the request, keeps the connections */
    (void)pthread_mutex_lock(&h->lock);
    if (h->idle_count < IDLE_MAX) {
        h->idle[h->idle_count++] = x;
        x.curl = NULL;
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (x.curl != NULL)
        curl_easy_cleanup(x.curl);
}

static size_t send_more(char *out, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t room = size * count, left = x->req->body_len - x->sent;
    size_t n = left < room ? left : room;

    if (n > 0 && x->http->limiter != NULL)
        n = rate_limiter_take(x->http->limiter, n);
    if (n > 0)
        memcpy(out, (const char *)x->req->body + x->sent, n);
    x->sent += n;
    return n;
}

static int rewind_body(void *arg, curl_off_t offset, int origin)
{
    struct exchange *x = arg;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->req->body_len)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (size_t)offset;
    x->answer->resent = true;
    return CURL_SEEKFUNC_OK;
}

/* A server that writes headers and body apart, with Nagle's algorithm on (radosgw does), sends the body once
 * the headers are acknowledged, which our kernel puts off by 40 ms on a connection that is used again. */
static void acknowledge_now(const struct exchange *x)
{
    if (x->handle.socket != CURL_SOCKET_BAD)
        (void)setsockopt(x->handle.socket, IPPROTO_TCP, TCP_QUICKACK, &(int){1},
                         sizeof(int)); /* refused, all is as slow as it was */
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    struct buf *headers = &x->answer->headers;
    size_t len = size * count;

    if (len <= 2) /* the empty line: the body is next */
        acknowledge_now(x);

    if (len > 5 && memcmp(data, "HTTP/", 5) == 0)
        buf_clear(headers); /* of another answer before: 100 Continue */
    if (buf_append(headers, data, len, NULL) < 0) {
        x->too_long = true;
        return 0;
    }
    return len;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;
    long status = 0;

    curl_easy_getinfo(x->handle.curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->req->into != NULL && status >= 200 && status <= 299) {
        size_t room = x->req->into_len - x->answer->into_len, n = len < room ? len : room;
        memcpy((char *)x->req->into + x->answer->into_len, data, n);
        x->answer->into_len += n;
        x->full = n < len;
        return n;
    }
    if (buf_append(&x->answer->body, data, len, NULL) < 0) {
        x->too_long = true;
        return 0;
    }
    return len;
}

static int look_for_stop(void *arg, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                         curl_off_t sent)
{
    const struct exchange *x = arg;
    long request_size = 0; /* of what went out, the headers */

    (void)to_get;
    (void)got;
    (void)to_send;
    (void)sent;
    (void)curl_easy_getinfo(x->handle.curl, CURLINFO_REQUEST_SIZE, &request_size);
    return (x->req->stop != NULL && atomic_load(x->req->stop)) ||
           (x->req->stopped != NULL && x->req->stopped(x->req->stopped_arg, request_size > 0));
}

static void set_method(CURL *curl, struct exchange *x)
{
    const struct http_request *req = x->req;

    if (strcmp(req->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(req->method, "PUT") == 0 || strcmp(req->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->body_len);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_more);
        curl_easy_setopt(curl, CURLOPT_READDATA, x);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
    }
}

static void set_up(CURL *curl, struct exchange *x, struct curl_slist *headers, char *why)
{
    const struct http_request *req = x->req;

    curl_easy_setopt(curl, CURLOPT_URL, req->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* what was signed */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the signature is for this host alone */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (x->http->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, x->http->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                     (long)(req->connect_s > 0 ? req->connect_s : CONNECT_TIMEOUT_S));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(req->stall_s > 0 ? req->stall_s : STALL_S));
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "synbak/" SYNBAK_VERSION);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (req->stop != NULL || req->stopped != NULL) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    }
    set_method(curl, x);
}

/* OpenSSL's words, of which libcurl makes one code. */
static const char *certificate_advice(const char *text)
{
    if (strstr(text, "expired") != NULL || strstr(text, "not yet valid") != NULL)
        return "let its operator renew it, and look at this machine's clock";
    if (strstr(text, "does not match") != NULL || strstr(text, "no alternative") != NULL)
        return "it is made out for another host: correct the endpoint";
    return "set ca_file to the authority that signed it";
}

static int explain(CURLcode code, const char *why, const struct exchange *x, bool *ret_transient,
                   struct err *e)
{
    const char *text = why[0] != '\0' ? why : curl_easy_strerror(code);

    *ret_transient = false;
    if (x->too_long)
        return err_set(e, ERR_LIMIT, "the answer is longer than any that makes sense");
    switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, ERR_CONFIG, "ca_file %s cannot be used (put it there, or correct it)",
                       x->http->ca_file);
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(e, ERR_CONFIG, "the server's certificate is not trusted: %s (%s)", text,
                       certificate_advice(text));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(e, ERR_CONFIG, "%s (check the endpoint)", text);
    case CURLE_ABORTED_BY_CALLBACK:
        return err_set(e, ERR_CANCELLED, "cancelled");
    case CURLE_OPERATION_TIMEDOUT:
        *ret_transient = true;
        return err_set(e, ERR_TIMEOUT, "%s", text);
    case CURLE_COULDNT_RESOLVE_HOST:
        *ret_transient = true;
        return err_set(e, ERR_UNAVAILABLE, "%s (check the endpoint and DNS)", text);
    case CURLE_COULDNT_CONNECT:
        *ret_transient = true;
        return err_set(e, ERR_UNAVAILABLE, "%s (is the service up, and the port open?)", text);
    case CURLE_SSL_CONNECT_ERROR:
        *ret_transient = true;
        return err_set(e, ERR_UNAVAILABLE, "%s (does the endpoint speak https?)", text);
    default:
        *ret_transient = true;
        return err_set(e, ERR_UNAVAILABLE, "%s", text);
    }
}

int http_perform(struct http *h, const struct http_request *req, struct http_answer *ret,
                 bool *ret_transient, struct err *e)
{
    struct exchange x = {.http = h, .req = req, .answer = ret, .handle = take_handle(h)};
    CURL *curl = x.handle.curl;
    struct curl_slist *headers = NULL;
    char why[CURL_ERROR_SIZE] = "";

    *ret = (struct http_answer){.body = BUF_INIT(HTTP_BODY_MAX), .headers = BUF_INIT(HEADERS_MAX)};
    *ret_transient = false;
    /* Waiting for "100 Continue" costs a round trip for each part; the empty type is none. */
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, "Content-Type:");
    for (size_t i = 0; i < req->headers->count; i++)
        headers = curl_slist_append(headers, req->headers->items[i]);
    set_up(curl, &x, headers, why);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    give_handle(h, x.handle);
    for (struct curl_slist *line = headers; line != NULL; line = line->next)
        mem_wipe(line->data, strlen(line->data)); /* a session token may be among them */
    curl_slist_free_all(headers);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && x.full))
        return 0;
    return explain(code, why, &x, ret_transient, e);
}

void http_answer_deinit(struct http_answer *a)
{
    buf_deinit(&a->body);
    buf_deinit(&a->headers);
}

char *http_answer_header(const struct http_answer *a, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = (const char *)a->headers.data; line != NULL && *line != '\0';) {
        size_t line_len = strcspn(line, "\r\n");
        if (line_len > len && line[len] == ':' && strncasecmp(line, name, len) == 0) {
            const char *value = line + len + 1;
            size_t left = line_len - len - 1, blanks = strspn(value, " \t");
            blanks = blanks < left ? blanks : left;
            return mem_strndup(value + blanks, left - blanks);
        }
        line += line_len;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

int64_t http_answer_time(const struct http_answer *a, const char *name)
{
    _cleanup_free_ char *text = http_answer_header(a, name);

    return text != NULL ? (int64_t)curl_getdate(text, NULL) : -1;
}
