/* ring.h — the blocks of one source on their way through compression.
 *
 *   producer ──blocks──▶ ring ──▶ compressing threads ──▶ ring ──▶ each reader, in order
 *
 * A fixed number of slots bounds memory: the producer waits for the slowest reader. A variant is
 * one way to compress (or not at all); readers of the same variant share its work. A reader that may lag
 * does not hold the others: when the ring has been full because of it for RING_LATE_S, and another
 * reader is left, it is dropped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ring;

enum { RING_LATE_S = 30 };

struct ring_variant {
    bool gzip;
    int level;
};

struct ring_wish {  /* of one reader */
    size_t variant; /* index */
    bool may_lag;
};

/* Starts `threads` threads when a variant compresses. */
int must_check ring_new(const struct ring_variant *variants, size_t variant_count,
                        const struct ring_wish *wishes, size_t reader_count, int threads,
                        struct ring **ret, struct err *e);
/* Stop everything, join the threads, free. All readers must have finished. NULL-safe. */
void ring_free(struct ring *r);

/* --- the producer --- */
/* False when no reader is left. Blocks while all slots are in use. */
bool ring_write(struct ring *r, const void *data, size_t len);
void ring_close(struct ring *r); /* no more bytes */
void ring_stop(struct ring *r);  /* give up: readers get ERR_CANCELLED */

/* --- readers, one thread each --- */
/* The next piece of the stream, valid until the next call. 1 at the end. ERR_LATE: dropped. */
int must_check ring_next(struct ring *r, size_t reader, const uint8_t **ret_data, size_t *ret_len,
                         struct err *e);
/* This reader wants no more; its ring_next, also one that waits, says the end. */
void ring_leave(struct ring *r, size_t reader);
