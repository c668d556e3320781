/* read_ahead.h — ranges of a store's objects, fetched before they are asked for.
 *
 * store_get_parallel() of them are under way at once, each by a thread of its own; on a store where
 * that is 1 nothing runs ahead and no thread is started. Memory: that many ranges. One thread calls these functions. */
#pragma once

#include "lib/store/store.h"

struct read_ahead;

struct store_range {
    char *name; /* owned by the range; taken */
    uint64_t offset;
    size_t len;
};

/* The next range that will be wanted: 1 at the end. Called by the caller's thread only, some steps ahead. */
typedef int store_range_cb(void *arg, struct store_range *ret);

/* max_len: no range is longer. The store is borrowed. */
struct read_ahead *read_ahead_new(struct store *s, size_t max_len, store_range_cb *next, void *arg);
/* Fetch what read_ahead_next will want first, without waiting for it; near, it does nothing. */
void read_ahead_begin(struct read_ahead *r);
/* The bytes of the next range, valid until the next call; fewer than asked for only where the
 * object ends. 1 at the end. */
int must_check read_ahead_next(struct read_ahead *r, const uint8_t **ret_data, size_t *ret_len,
                               struct err *e);
void read_ahead_free(struct read_ahead *r); /* stops what is under way; NULL-safe */
