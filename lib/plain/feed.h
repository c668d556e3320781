/* feed.h — the encrypting step of a stream: a thread of its own between the ring and the writer,
 * because CBC cannot be spread over cores and would else stand in line with hashing. */
#pragma once

#include "lib/base/secret.h"
#include "lib/plain/ring.h"

struct feed;

/* Starts the thread, which first stretches the key, while the source is starting too. `key` and
 * `ring` are borrowed. */
int must_check feed_start(struct ring *ring, size_t reader, const struct secret *key,
                          struct feed **ret, struct err *e);
/* The next piece of ciphertext, valid until the next call. 1 at the end. */
int must_check feed_next(struct feed *f, const uint8_t **ret_data, size_t *ret_len, struct err *e);
void feed_free(struct feed *f); /* stops and joins; NULL-safe */
