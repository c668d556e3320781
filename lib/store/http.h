/* http.h — one HTTP/1.1 request at a time over libcurl, from any number of threads.
 *
 * Idle connections are kept and used again. Certificates are always checked; redirects are answers
 * like any other; no proxy, password file or other setting of the environment has a say. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/store/rate.h"

struct http;

/* ca_file: PEM, or NULL for the system's. limiter: what bodies are sent by, or NULL; borrowed. */
struct http *http_new(const char *ca_file, struct rate_limiter *limiter);
void http_free(struct http *h); /* no request may be under way; NULL-safe */

struct http_request {
    const char *method; /* GET, HEAD, PUT, POST, DELETE */
    const char *url;    /* encoded; sent as it is */
    const struct strlist *headers;
    const void *body;
    size_t body_len;
    /* Where the body of a 2xx answer goes instead of http_answer.body: what does not fit is left
     * unread. NULL: it goes there like any other. */
    void *into;
    size_t into_len;
    int connect_s;           /* name, connection and handshake together; 0: 15 */
    int stall_s;             /* give up after so long without a byte either way; 0: 30 */
    const atomic_bool *stop; /* give up within a second once it is set (ERR_CANCELLED); or NULL */
    /* Likewise, once it is true; or NULL. sent: the service may have got the request already. */
    bool (*stopped)(void *arg, bool sent);
    void *stopped_arg;
};

enum { HTTP_BODY_MAX = 8 * 1024 * 1024 };

struct http_answer {
    long status;
    struct buf body;    /* at most HTTP_BODY_MAX */
    struct buf headers; /* of the answer, one a line */
    size_t into_len;    /* bytes that went into `into` */
    /* libcurl found the kept connection dead and sent the body again: the first may have arrived */
    bool resent;
};

/* 0: there is an answer, whatever its status. -1: there is none, or not all of it; *ret_transient says
 * whether trying again makes sense. ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_CONFIG (certificates,
 * addresses), ERR_LIMIT. The text does not name the URL. Deinit the answer in either case. */
int must_check http_perform(struct http *h, const struct http_request *req, struct http_answer *ret,
                            bool *ret_transient, struct err *e);
void http_answer_deinit(struct http_answer *a);
/* The value of a header, owned, or NULL. */
char *http_answer_header(const struct http_answer *a, const char *name);
/* A header that is a time, in seconds since 1970; -1: it is not there, or none. */
int64_t http_answer_time(const struct http_answer *a, const char *name);
