/* fetch_parts.h — what the files of fetching share: a batch of chunks fetched at once, and batches fetched
 * ahead, in order. */
#pragma once

#include <pthread.h>

#include "lib/repository/fetch.h"

/* --- fetch.c --- */
struct fetch_header { /* of a pack, as it lies there */
    struct pack_name pack;
    uint8_t bytes[OBJECT_HEADER_LEN];
    bool used;
};
enum { FETCH_HEADERS = 256, FETCH_CODERS = 32 };
struct fetcher {
    const struct repository *repository; /* borrowed */
    struct index *index;                 /* borrowed */
    int threads;
    pthread_mutex_t lock;                     /* of what follows */
    struct fetch_header *headers;             /* owned; FETCH_HEADERS, by name */
    struct chunk_coder *coders[FETCH_CODERS]; /* owned; not in use */
    size_t coder_count;
    size_t mended_batches; /* with a damaged copy that another one stood in for */
    struct err mended_first;
};
/* A decoder that nobody else uses. Any thread. */
int must_check fetch_take_coder(struct fetcher *f, struct chunk_coder **ret, struct err *e);
void fetch_give_coder(struct fetcher *f, struct chunk_coder *c); /* takes c; NULL-safe */
/* The box of a pack's chunks. Owned. Any thread. */
int must_check fetch_pack_box(struct fetcher *f, const struct pack_name *pack,
                              struct seal_box **ret, struct err *e);
/* "chunk HEX64 in packs/… of PLACE" before the text. Returns -1. */
int fetch_wrap(const struct fetcher *f, const struct index_entry *x, struct err *e);
/* Exactly len bytes of a pack. ERR_DAMAGED: it is missing or shorter. Any thread. */
int must_check fetch_pack_bytes(struct fetcher *f, const struct pack_name *pack, uint64_t offset,
                                void *data, size_t len, struct err *e);

/* --- fetch_batch.c: some chunks that are wanted one after the other --- */
struct fetch_piece {
    struct index_entry at;
    size_t plain_at; /* in the batch's plain bytes */
    ssize_t base;    /* number among the bases, or -1 */
    bool repeated;   /* the same as the piece before: nothing is fetched */
};
struct fetch_batch {
    struct fetch_piece *pieces, *bases; /* owned; bases: each once, plain_at in base_plain */
    size_t count, room, base_count, base_room;
    size_t plain_len, base_len, stored_len;
    uint8_t *plain; /* owned; once it was fetched */
};
/* Looked up in the index. ERR_NOT_FOUND, ERR_DAMAGED. */
int must_check fetch_batch_add(struct fetcher *f, struct fetch_batch *b,
                               const struct chunk_ref *ref, enum chunk_kind kind, struct err *e);
/* Memory that it takes while it is fetched. */
size_t fetch_batch_cost(const struct fetch_batch *b);
int must_check fetch_batch_run(struct fetcher *f, struct fetch_batch *b, struct err *e);
void fetch_batch_deinit(struct fetch_batch *b);
/* --- fetch_copies.c --- */
/* After a run that ended with *e: when that says damage, every piece from whichever copy is whole. */
int must_check fetch_batch_mend(struct fetcher *f, struct fetch_batch *b, struct err *e);

/* --- fetch_ahead.c --- */
struct fetch_ahead;
/* The next chunk that will be wanted; 1: no more; 2: not now, ask again when some were handed out. */
typedef int fetch_next_cb(void *arg, struct chunk_ref *ret, struct err *e);
/* At most `budget` bytes of memory, or what one chunk takes. next is called on the caller's thread. */
struct fetch_ahead *fetch_ahead_new(struct fetcher *f, enum chunk_kind kind, int threads,
                                    size_t budget, fetch_next_cb *next, void *arg);
void fetch_ahead_free(struct fetch_ahead *a); /* NULL-safe */
/* Ask for more, as far as there is room. What was handed out is no longer valid. */
int must_check fetch_ahead_fill(struct fetch_ahead *a, struct err *e);
/* The next chunk's plain bytes, valid until the next call; 1: none was asked for any more. */
int must_check fetch_ahead_next(struct fetch_ahead *a, const uint8_t **ret, size_t *ret_len,
                                struct err *e);

/* --- fetch_present.c: chunks that need not be fetched --- */
struct fetch_local;
struct fetch_local *fetch_local_new(struct fetcher *f, const struct fetch_present *p); /* owned */
void fetch_local_free(struct fetch_local *l); /* NULL-safe */
/* A file and all of its references are next. */
int must_check fetch_local_judge(struct fetch_local *l, const struct list_entry *x,
                                 const struct chunk_ref *refs, size_t count,
                                 enum fetch_verdict *ret, struct err *e);
/* After FETCH_PARTS, reference by reference. 0: it is there, and waits for its turn, which comes when `before` chunks
 * were fetched; 1: it has to be fetched. */
int must_check fetch_local_find(struct fetch_local *l, const struct chunk_ref *ref, uint64_t before,
                                struct err *e);
/* Of a stream, reference by reference. 0: it is there, and need not be handed out; 1: this one is not, nor is what
 * follows. */
int must_check fetch_local_pass(struct fetch_local *l, const struct chunk_ref *ref, struct err *e);
bool fetch_local_is_full(const struct fetch_local *l); /* of what waits: find no more for now */
/* The next chunk's plain bytes, if one waits for this number; valid until the next call. */
bool fetch_local_next(struct fetch_local *l, uint64_t fetched, const uint8_t **ret,
                      size_t *ret_len);
uint64_t fetch_local_bytes(const struct fetch_local *l); /* found in parts, or passed, so far */

/* --- fetch_tree.c --- */
struct fetch_tree;
int must_check fetch_tree_open(struct fetcher *f, const struct chunk_ref *list, size_t count,
                               const struct strlist *only, struct fetch_tree **ret, struct err *e);
void fetch_tree_use(struct fetch_tree *t, const struct fetch_present *p);
uint64_t fetch_tree_present(const struct fetch_tree *t);
/* Some more of the tar stream into out, which is empty: nothing is added at the verified end. *done grows
 * by bytes of content. */
int must_check fetch_tree_step(struct fetch_tree *t, struct buf *out, uint64_t *done,
                               struct err *e);
void fetch_tree_close(struct fetch_tree *t); /* NULL-safe */
