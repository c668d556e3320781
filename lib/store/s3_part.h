/* s3_part.h — bytes on their way to S3, in memory: a part of an upload, or a whole small object. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/store/store.h"

struct s3_seal {
    size_t len;
    uint8_t sha256[STORE_DIGEST_LEN];
};

struct s3_seals {
    struct s3_seal *items; /* owned */
    size_t count;
};

void s3_seals_add(struct s3_seals *s, const struct s3_seal *seal);
void s3_seals_deinit(struct s3_seals *s);

struct s3_part {
    struct buf bytes;
    struct s3_seals seals;
    size_t sealed; /* bytes of all seals */
};

/* What goes into the headers of a part's request. */
struct s3_part_digests {
    uint8_t md5[16];
    char md5_hex[33], md5_base64[25], sha256_hex[65];
};

struct s3_part *s3_part_new(size_t max);
void s3_part_free(struct s3_part *p); /* NULL-safe */
/* Are the bytes what was sealed (else ERR_DAMAGED)? And their digests. */
int must_check s3_part_digest(const struct s3_part *p, struct s3_part_digests *ret, struct err *e);
bool s3_seal_fits(const struct s3_seal *seal, const void *data, size_t len);
