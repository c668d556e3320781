/* s3_sign.h — Signature Version 4, by header: from a request and a key to the value of its
 * Authorization header. Pure; follows "Authenticating Requests: Using the Authorization Header"
 * of the Amazon S3 API reference. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "lib/store/s3_pairs.h"

struct s3_sign_request {
    const char *method;
    const char *path;               /* encoded, begins with '/' */
    const struct s3_pairs *query;   /* not encoded, any order */
    const struct s3_pairs *headers; /* all of them are signed; names in lower case */
    const char *payload_sha256;     /* hex, as in x-amz-content-sha256 */
    const char *region, *service;
    struct wall when; /* as in x-amz-date */
};

/* "20130524T000000Z", the form of x-amz-date. */
const char *s3_sign_date(struct wall when, char out[32]);
/* "a=1&b=2": encoded, in the order that is signed. Owned. */
char *s3_sign_query(const struct s3_pairs *query);
/* RFC 3986 but for what is unreserved; slashes stay where `keep_slashes`. Owned. */
char *s3_sign_encode(const char *text, bool keep_slashes);
/* The header's value. Owned. */
char *s3_sign_authorization(const struct s3_sign_request *r, const struct secret *access_key,
                            const struct secret *secret_key);
