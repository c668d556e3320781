/* set_fetch.h — the manifests of many sets, fetched ahead of who reads them.
 *
 * store_get_parallel() of them are under way at once, each by a thread of its own; on a store where
 * that is 1 nothing runs ahead and no thread is started. At most twice as many are held. */
#pragma once

#include "lib/plain/manifest.h"
#include "lib/plain/set_list.h"

struct set_fetch;

struct set_fetched {
    const struct set_entry *entry;
    int rc;           /* of manifest_fetch */
    struct err error; /* ERR_NOT_FOUND: never committed */
    struct manifest_bytes bytes;
};

/* Borrows all of them. Does not block. */
struct set_fetch *set_fetch_new(struct store *s, const char *job, const struct set_entry *entries,
                                size_t count);
/* The next one in the order of the entries, valid until the next call; NULL at the end. One thread
 * calls this. */
const struct set_fetched *set_fetch_next(struct set_fetch *f);
void set_fetch_free(struct set_fetch *f); /* waits for what is under way; NULL-safe */
