/* stream.h — one stored form of one source: encrypted, hashed, cut into volumes, put to every
 * destination that wants this form. Part of the artifact writer (artifact.c).
 *
 * One thread writes what the feed has encrypted, digested and cut. A destination that fails drops
 * out; when none is left the stream leaves the ring. */
#pragma once

#include "lib/plain/artifact.h"
#include "lib/plain/ring.h"

struct stream;

struct stream_target {
    struct store *store;            /* borrowed */
    const char *set_prefix;         /* borrowed */
    struct artifact_result *result; /* borrowed: filled when the stream has been joined */
};

/* name: inside the set, with all suffixes. Starts the threads. */
int must_check stream_start(struct ring *ring, size_t reader, const char *name,
                            const struct secret *key, uint64_t volume_bytes,
                            const struct stream_target *targets, size_t target_count,
                            struct stream **ret, struct err *e);
/* Wait for the end and free. `keep` false: whatever was put is removed again. */
void stream_join(struct stream *s, bool keep);
