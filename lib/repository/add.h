/* add.h — adding to a repository: plain bytes in, a list out, packs and index segments at every
 * replica. What is there already costs a lookup.
 *
 *   open -> (begin, write... | visit..., end)* -> finish | abort
 *
 * Chunks are hashed, looked up, compressed, decoded again, encrypted and packed by threads of its own, in
 * order; at most 48 MiB of memory. Nothing that is added exists for readers before a log record names a
 * set (repository.h). One thread calls. */
#pragma once

#include "lib/repository/list.h"
#include "lib/repository/repository.h"
#include "lib/tree/tree_read.h"

struct adder;
enum { ADD_LATE_S = 30 };
struct adder_replica {
    struct store *store; /* borrowed */
    /* Far away: when it has held up the read for ADD_LATE_S and its copy can come from elsewhere, it drops
     * out with ERR_LATE, and its store is given up, unless the index is read there. */
    bool may_lag;
    bool failed; /* dropped out; error says why */
    struct err error;
};
/* replicas: all hold the same repository; owned by the caller, looked at after each call. The first that
 * is alive and near is where bases of deltas are read back. Fails when none is left.
 * index: opened with what is on trash excluded; borrowed. */
int must_check adder_open(struct adder **ret, struct repository *r, struct index *index,
                          struct adder_replica *replicas, size_t replica_count, int threads,
                          struct err *e);

/* Can somebody beside the replicas supply what is added? Asked by the caller's thread, within its calls. */
void adder_set_elsewhere(struct adder *a, bool (*elsewhere)(void *arg), void *arg);

struct added {              /* one artifact */
    struct chunk_ref *list; /* owned; its list stream's chunks */
    size_t list_count;
    uint64_t raw_bytes; /* of content */
    uint64_t entries;
    uint64_t new_bytes; /* that packs grew by, its list included */
};
void added_deinit(struct added *a);

/* A stream. `previous`: the list stream of this source as last committed, in a file (tracking.h) that
 * is read from its beginning, for predecessors; or -1. `copy`: a file that gets the new list
 * stream's bytes, or -1. Both are borrowed until adder_end. */
int must_check adder_stream_begin(struct adder *a, int previous, int copy, struct err *e);
int must_check adder_write(struct adder *a, const void *data, size_t len, struct err *e);
/* A tree: the visitor for tree_read, or for whoever plays one (tar to entries). Its `known` asks
 * the caller's `find` what there was last time. */
struct adder_tree {
    void *arg;
    /* The entry of last time at `path` (in the form that lists have), asked for in the order of
     * lists, each at most once. 0: *ret, borrowed until the next call; *ret_same: st says that nothing
     * changed since, then it is used if all its chunks are still there, and else its chunks are
     * predecessors. 1: there was none. NULL: nothing is known. */
    int (*find)(void *arg, const char *path, const struct stat *st, const struct list_entry **ret,
                bool *ret_same, struct err *e);
    /* References of that entry behind its own, some at a time; 1: no more. */
    int (*more)(void *arg, const struct chunk_ref **ret, size_t *ret_count, struct err *e);
    int (*progress)(void *arg, const char *path, uint64_t bytes, struct err *e);
    void (*problem)(void *arg, const char *text);
    void (*note)(void *arg, const char *text);
};
/* previous, copy: as above. *t is copied. */
int must_check adder_tree_begin(struct adder *a, const struct adder_tree *t, int previous, int copy,
                                struct tree_visitor *ret, struct err *e);
/* Ends stream or tree; what it refers to need not be durable yet. */
int must_check adder_end(struct adder *a, struct added *ret, struct err *e);
/* A chunk on its own (a set's manifest). */
int must_check adder_chunk(struct adder *a, enum chunk_kind kind, const void *data, size_t len,
                           struct chunk_ref *ret, struct err *e);
/* The last packs, then the index segments, durable at every replica still alive. Frees. */
int must_check adder_finish(struct adder *a, uint64_t *ret_new_bytes, struct err *e);
void adder_abort(struct adder *a); /* NULL-safe; what was put stays as garbage for the pruner */
