/* fetch.h — plain bytes back out of a repository: chunks, list streams, artifacts.
 *
 * Ranges of one pack that lie close are read as one, ahead of need, several at once where the store is
 * far; bases of deltas are fetched with them. Every id is checked. Memory at most 48 MiB. */
#pragma once

#include "lib/base/str.h"
#include "lib/repository/list.h"
#include "lib/repository/repository.h"

struct fetcher;
/* threads: for decoding. index is borrowed and must be of the same repository. */
int must_check fetcher_open(struct fetcher **ret, const struct repository *r, struct index *index,
                            int threads, struct err *e);
void fetcher_close(struct fetcher *f); /* NULL-safe */
/* How often something damaged was read from another copy that is whole; how the first was damaged. Any thread. */
size_t fetcher_mended(struct fetcher *f, struct err *ret_first);
/* One chunk now. out: ref->length bytes. ERR_DAMAGED names chunk and pack; ERR_NOT_FOUND: no index
 * segment knows it. Any thread. */
int must_check fetcher_chunk(struct fetcher *f, const struct chunk_ref *ref, enum chunk_kind kind,
                             void *out, struct err *e);

/* A list stream, record by record. */
struct list_reader;
int must_check list_reader_open(struct fetcher *f, const struct chunk_ref *list, size_t count,
                                struct list_reader **ret, struct err *e);
/* 0: a record, borrowed until the next call; 1: the end, which was verified. */
int must_check list_reader_next(struct list_reader *r, struct list_record *ret, struct err *e);
void list_reader_close(struct list_reader *r);

/* An artifact as the bytes that the plain format would hold: a stream's content, or a tree as the same tar
 * stream (lib/tree/tree_tar.h). only: paths of a tree that are wanted, what lies below them included;
 * NULL: everything. */
struct fetch_artifact;
int must_check fetch_artifact_open(struct fetcher *f, const struct chunk_ref *list, size_t count,
                                   bool tree, const struct strlist *only,
                                   struct fetch_artifact **ret, struct err *e);
/* Fits tree_source: *ret_len 0 is the verified end. */
int must_check fetch_artifact_read(void *fetch_artifact, void *data, size_t len, size_t *ret_len,
                                   struct err *e);
uint64_t fetch_artifact_done(const struct fetch_artifact *x); /* content bytes, for progress */
void fetch_artifact_close(struct fetch_artifact *x);
