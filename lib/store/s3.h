/* s3.h — a store in a bucket of any S3-compatible service (the AWS S3 REST API, version 2006-03-01,
 * signed by Signature Version 4), over libcurl.
 *
 * An object lies under PREFIX/NAME. What is put under a name given at begin goes out as a multipart
 * upload, part by part while it is written; what is small or unnamed goes out in one request at
 * commit. Names are never reused for other bytes by us, so with object lock nothing has to be. */
#pragma once

#include "lib/base/secret.h"
#include "lib/base/str.h"
#include "lib/store/rate.h"
#include "lib/store/store.h"
#include "lib/store/waiter.h"

struct s3_options {
    const char *endpoint; /* "https://s3.example.org[:PORT]" */
    const char *region;   /* for the signature; "us-east-1" where the service has none */
    const char *bucket;
    const char *prefix;              /* "" or "host1", without slashes at the ends */
    bool virtual_host;               /* BUCKET.endpoint instead of endpoint/BUCKET */
    const struct secret *access_key; /* both borrowed until the store is closed */
    const struct secret *secret_key;
    const struct secret *session_token;  /* or NULL */
    const char *ca_file;                 /* PEM; NULL: the system's */
    bool insecure;                       /* http:// is refused without it */
    const char *storage_class;           /* NULL: the bucket's default */
    const char *encryption;              /* "AES256", "aws:kms" or NULL: what the bucket does */
    const char *encryption_key_id;       /* of aws:kms, or NULL */
    int64_t lock_s;                      /* object lock: retain each object so long; 0: none */
    bool lock_governance;                /* GOVERNANCE instead of COMPLIANCE */
    int parallel;                        /* parts or ranges in flight, 1..16 */
    bool full_readback;                  /* commit reads the whole object again */
    const struct rate_plan *upload_rate; /* borrowed; NULL: as fast as it goes */
    struct store_waiter waiter;
};

/* Opens no connection yet: the first call that needs one says what is wrong. ERR_CONFIG for http://
 * without `insecure`. Strings are copied. */
int must_check store_open_s3(const struct s3_options *o, struct store **ret, struct err *e);

/* What the bucket is like, for doctor; each is asked for once, and "unknown" where the credentials
 * may not ask. Objects named .synbak-probe-* are put and deleted; what cannot be deleted stays. */
enum s3_answer { S3_UNKNOWN, S3_NO, S3_YES };
struct s3_report {
    enum s3_answer can_put, can_get, can_list, can_delete, can_overwrite, conditional_put;
    enum s3_answer versioning, object_lock, replication;
    int64_t default_lock_days; /* of the bucket; 0: none */
    char *lock_mode;           /* "COMPLIANCE", "GOVERNANCE" or NULL */
    struct strlist expiry;     /* one sentence for each lifecycle rule that touches our prefix */
    int64_t clock_skew_s;      /* server's Date minus ours */
};
int must_check s3_examine(struct store *s, struct s3_report *ret, struct err *e);
void s3_report_deinit(struct s3_report *r);
