/* feed.h — what a stream stores, digested and cut: a step between the ring and the writer.
 *
 * With a key it is a thread of its own, which encrypts and digests in one pass, because CBC cannot
 * be spread over cores and would else stand in line with the disk. Without one the bytes are the
 * ring's, digested in the caller's thread. */
#pragma once

#include "lib/base/secret.h"
#include "lib/plain/ring.h"
#include "lib/store/store.h"

struct feed;

struct feed_piece {
    const uint8_t *data; /* encrypted ones are whole pages, the last of a volume excepted */
    size_t len;          /* 0 only at the end of a volume */
    bool segment_ends, volume_ends; /* after this piece */
    bool last; /* nothing follows; but a last one that fills its volume may not know it yet */
    uint8_t segment_digest[STORE_DIGEST_LEN]; /* when it ends */
    uint8_t volume_digest[STORE_DIGEST_LEN];
};

/* Starts the thread, which first stretches the key, while the source is starting too. `key` (NULL:
 * none) and `ring` are borrowed. volume_bytes > 0; with a key it is rounded down to 16 bytes. */
int must_check feed_start(struct ring *ring, size_t reader, const struct secret *key,
                          uint64_t volume_bytes, struct feed **ret, struct err *e);
/* The next piece, valid until the next call. 1 at the end. The last piece ends its volume; an empty
 * source is one empty volume. */
int must_check feed_next(struct feed *f, const struct feed_piece **ret, struct err *e);
void feed_free(struct feed *f); /* stops and joins; NULL-safe */
