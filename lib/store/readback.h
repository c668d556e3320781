/* readback.h — reading what was written back from the medium, a step behind the writer.
 *
 * A range that is added is written out, dropped from the page cache, read from the medium and
 * compared with its digest, by a thread that starts once there is enough to be worth one. The
 * writer waits only when READBACK_WAITING ranges are queued. One thread calls these functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { READBACK_WAITING = 4, READBACK_DIGEST_LEN = 32 };

struct readback;

/* What is written to and read from. Its calls come from one thread at a time. */
struct readback_medium {
    /* Make the range leave our hands, and as durable as it can be at this point. */
    int (*write_out)(void *arg, uint64_t offset, size_t len, struct err *e);
    /* Fewer bytes than asked for only at the end. */
    int (*read)(void *arg, uint64_t offset, void *data, size_t len, size_t *ret_len, struct err *e);
    void (*drop)(void *arg, uint64_t offset, size_t len); /* from caches of ours; or NULL */
    size_t chunk;  /* bytes of one read; its room is on a page, and pages to its end are there */
    bool in_pairs; /* two ranges are compared at once, if the second is soon to come */
};

/* The medium and arg are borrowed until readback_free. */
struct readback *readback_new(const struct readback_medium *m, void *arg);
/* A file of ours; its descriptors must be open for reading until readback_free. */
struct readback_file {
    int fd;
    int direct; /* a second one with O_DIRECT, or -1; may be set at any time between calls */
};
struct readback *readback_new_file(struct readback_file *f);
/* A failure may be of an earlier range: ERR_DAMAGED if the bytes differ, else ERR_IO and the like.
 * e->errnum says which call failed. */
int must_check readback_add(struct readback *rb, uint64_t offset, size_t len,
                            const uint8_t sha256[READBACK_DIGEST_LEN], struct err *e);
/* Has anything failed so far? Never blocks for long. */
int must_check readback_check(struct readback *rb, struct err *e);
/* Wait until every range is compared. */
int must_check readback_finish(struct readback *rb, struct err *e);
void readback_free(struct readback *rb); /* stops early if not finished; NULL-safe */
