/* fetch.h — plain bytes back out of a repository: chunks, list streams, artifacts.
 *
 * Ranges of one pack that lie close are read as one, ahead of need, several at once where the store is
 * far; bases of deltas are fetched with them. Every id is checked. Memory at most 48 MiB, and 24 more where something is
 * present already. */
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
/* What lies where the artifact is to go, so that it need not be fetched: files whose content may be that of a
 * file of the tree, as a whole or in parts, or what the stream begins with. They are believed chunk by chunk, by id.
 *
 * Called on the thread that reads the artifact; what it hands out may be hostile. */
enum fetch_verdict {
    FETCH_PARTS, /* whatever chunks it has at their places are taken from it */
    FETCH_LEAVE, /* the file is what it is to be: it is left out of the tar stream */
    FETCH_TAKE   /* its content is there: in the tar stream it is one hole */
};
struct fetch_present {
    void *arg;
    /* --- of a tree --- */
    /* A file is next: how many candidates there are for it, the likeliest first;
     * they stay open until the next call. -1: *e ends the reading. */
    int (*look)(void *arg, const struct list_entry *x, struct err *e);
    /* What to do with x if all of the candidate's content is right. */
    enum fetch_verdict (*hope)(void *arg, int candidate);
    /* All of it was read and is right: false if it changed meanwhile, and is worth no more than its parts. */
    bool (*settle)(void *arg, int candidate);
    /* Another name of an earlier file: true if it stays with that one. */
    bool (*link_stays)(void *arg, const struct list_entry *x);

    /* --- of a stream, with one candidate --- */
    /* So many bytes at its beginning are right, and are not handed out: told once, before anything is. */
    void (*pass)(void *arg, uint64_t bytes);

    /* --- of both --- */
    /* Exactly len bytes at the offset. 1: it has none such. -1: *e ends the reading. */
    int (*read)(void *arg, int candidate, uint64_t offset, void *data, size_t len, struct err *e);
};
/* Before anything is read; not with `only`. p is borrowed. */
void fetch_artifact_use(struct fetch_artifact *x, const struct fetch_present *p);
/* Bytes of content that were taken from candidates in parts; of a stream, that were passed over. */
uint64_t fetch_artifact_present(const struct fetch_artifact *x);
uint64_t fetch_artifact_done(const struct fetch_artifact *x); /* content bytes, for progress */
void fetch_artifact_close(struct fetch_artifact *x);
