/* s3_request.h — one request to an S3 service: addressed, signed, sent, tried again where that
 * helps, and its refusals put into sentences. */
#pragma once

#include <stdbool.h>

#include "lib/base/secret.h"
#include "lib/store/http.h"
#include "lib/store/s3_pairs.h"
#include "lib/store/s3_xml.h"
#include "lib/store/store.h"
#include "lib/store/waiter.h"

struct s3_service {
    struct http *http; /* owned, as all of these but the secrets */
    char *scheme;      /* "https" */
    char *host;        /* with the port if it is not the scheme's, and the bucket if virtual */
    char *base;        /* "/BUCKET" or "" */
    char *bucket, *region;
    char *place;                                                  /* for messages */
    const struct secret *access_key, *secret_key, *session_token; /* the last may be NULL */
    struct store_wait *wait;                                      /* for its first answer */
    store_stop_cb *stop_reads;                                    /* as in store.h, or NULL */
    void *stop_arg;
};

struct s3_reply;
/* Is this 2xx answer what was asked for? 0: yes. 1: no, with *e filled: worth another try. -1: no. */
typedef int s3_accept_cb(void *arg, const struct s3_reply *r, struct err *e);

struct s3_request {
    const char *method;
    const char *key;  /* of the object; NULL: the bucket itself */
    const char *what; /* for messages: "list", "put database/x"; "%s: WHAT: why" */
    struct s3_pairs query;
    struct s3_pairs headers; /* in lower case; host, date and signature are added */
    const void *body;
    size_t body_len;
    const char *body_sha256; /* hex; NULL: it is computed */
    void *into;              /* as in http.h */
    size_t into_len;
    int stall_s;
    int tries;               /* 0: 8 */
    const atomic_bool *stop; /* as in http.h */
    s3_accept_cb *accept;    /* or NULL */
    void *arg;
};

struct s3_reply {
    struct http_answer http;
    struct s3_xml_error error; /* of the last refusal: code "" if it named none */
    bool doubtful;             /* an earlier try got no answer: it may have been carried out */
};

/* 0: a 2xx answer. Otherwise ERR_NOT_FOUND (no such object; also 404 of a HEAD), ERR_CONFIG (no such
 * bucket, other region), ERR_DENIED, ERR_EXISTS (412), ERR_NO_SPACE, ERR_UNAVAILABLE, ERR_TIMEOUT;
 * ret->http.status and ret->error say more. Wipes and empties the request's query and headers.
 * Deinit the reply in either case. May block for about two minutes; as waiter.h says where a person
 * waits. */
int must_check s3_send(const struct s3_service *s, struct s3_request *req, struct s3_reply *ret,
                       struct err *e);
void s3_reply_deinit(struct s3_reply *r);

/* Seconds that the server's clock is ahead of ours, by the Date of this answer. false: it has none. */
bool s3_reply_clock_skew(const struct s3_reply *r, int64_t *ret_s);
/* The ETag without its quotes, owned, or NULL. */
char *s3_reply_etag(const struct s3_reply *r);
