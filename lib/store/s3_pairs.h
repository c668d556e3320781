/* s3_pairs.h — a few names with values: the query or the headers of a request. */
#pragma once

#include <stddef.h>

enum { S3_PAIRS_MAX = 24 };

struct s3_pair {
    const char *name; /* a literal */
    char *value;      /* owned */
};

struct s3_pairs {
    struct s3_pair items[S3_PAIRS_MAX];
    size_t count;
};

/* Copies the value; NULL adds nothing. A name that is there already gets the new value. */
void s3_pairs_set(struct s3_pairs *p, const char *name, const char *value);
void s3_pairs_setf(struct s3_pairs *p, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *s3_pairs_get(const struct s3_pairs *p, const char *name); /* or NULL */
/* By name in byte order, as signatures want them. */
void s3_pairs_sort(struct s3_pairs *p);
void s3_pairs_copy(struct s3_pairs *to, const struct s3_pairs *from);
void s3_pairs_deinit(struct s3_pairs *p); /* wipes: a session token may be among them */
