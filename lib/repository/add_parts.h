/* add_parts.h — what the files of the writing pipeline share.
 *
 *   caller: cut ─▶ slots ─▶ threads: id, lookup ─▶ in order: known? predecessor ─▶ threads: compress,
 *   delta ─▶ in order: packs ─▶ lanes: put at each replica ─▶ index
 *
 * A slot is a chunk under way. The caller takes references back in order and makes the list of them,
 * whose chunks go the same way. One lock guards what is shared; nothing long is done under it. */
#pragma once

#include <pthread.h>

#include "lib/repository/add.h"
#include "lib/repository/add_cursor.h"
#include "lib/repository/add_ids.h"
#include "lib/repository/cutter.h"
#include "lib/tree/tree_attr.h"

enum {
    ADD_SLOTS = 512,     /* chunks under way */
    ADD_BYTES = 8 << 20, /* plain bytes under way; one chunk of the longest fits */
    ADD_BLOCK = 1 << 20, /* of room for them; a multiple of ADD_ROUND, as is ADD_BYTES */
    ADD_ROUND = 64 << 10,
    ADD_CUT = 4 << 20, /* of files longer than TREE_WHOLE_MAX */
    ADD_BUILDERS = 3,  /* of a class: one that is filled, two that are being put */
    ADD_LANES = 2,     /* puts at once at one replica: one syncs while one is written */
    ADD_THREADS_MAX = 8,
    ADD_REPLICAS_MAX = 32 /* bits of a job's mask */
};

/* --- room for plain bytes (add_block.c) --- */
struct add_block {
    uint8_t *data;    /* in the room */
    size_t cap, used; /* bytes of data */
    unsigned refs;    /* of slots, and of who fills it; under the lock */
    struct add_block *next;
};
struct add_blocks {
    uint8_t *room; /* ADD_BYTES */
    struct add_block *oldest, *newest;
};
void add_blocks_init(struct add_blocks *x);
void add_blocks_deinit(struct add_blocks *x); /* and whatever is left in it */
/* One with room for len bytes, 1..ADD_BYTES, empty, with a reference for the caller. Waits until so much is no
 * longer under way: whoever calls holds none that is long. */
int must_check add_block_take(struct adder *a, size_t len, struct add_block **ret, struct err *e);
void add_block_drop(struct adder *a, struct add_block **b); /* NULL-safe; takes the lock */
void add_block_drop_locked(struct adder *a, struct add_block *b);
/* len bytes in one piece in *b, a new one when it has no room. The caller counts `used` on. */
int must_check add_block_reserve(struct adder *a, struct add_block **b, size_t len, struct err *e);

/* --- slots (add_pipeline.c) --- */
enum add_state {
    ADD_NEW,
    ADD_HASHING,
    ADD_HASHED, /* id and lookup are there */
    ADD_WAITS,  /* it is new and wants encoding */
    ADD_ENCODING,
    ADD_READY, /* for its pack */
    ADD_DONE
};
struct add_slot {
    enum add_state state;
    enum chunk_kind kind;
    struct add_block *block; /* a reference of its own, until it is done */
    uint8_t *data;           /* in it: plain bytes, then the stored form */
    struct chunk_entry entry;
    bool known;
    uint64_t epoch;            /* of the index when it was looked up */
    struct add_cursor *cursor; /* borrowed; NULL: none */
    bool has_predecessor;
    struct chunk_id predecessor;
};
struct add_wish { /* how a chunk is to be stored */
    enum chunk_kind kind;
    struct add_cursor *cursor;
    const struct chunk_id *predecessor; /* or NULL */
};
/* A chunk: len bytes at data in block. Waits while all slots are in use; what is done meanwhile goes to
 * add_list_take. */
int must_check add_submit(struct adder *a, struct add_block *b, uint8_t *data, size_t len,
                          const struct add_wish *how, struct err *e);
int must_check add_wait_idle(struct adder *a, struct err *e); /* every slot is done */
/* The next one done, in order. False: none is. */
bool add_reap(struct adder *a, enum chunk_kind *ret_kind, struct chunk_ref *ret);
void *add_worker_main(void *worker);

/* --- compression and deltas (add_encode.c, add_base.c) --- */
struct add_base; /* reads bases back */
struct add_base *add_base_new(struct adder *a);
void add_base_free(struct add_base *b);
/* The chunk that a delta of one whose predecessor is that would hang on. 1: none. */
int must_check add_base_read(struct add_base *b, struct chunk_coder *c, const struct add_slot *s,
                             struct chunk_id *ret_id, const uint8_t **ret, size_t *ret_len);
void add_base_trim(struct add_base *b); /* gives back what a long one took */
struct add_worker {
    struct adder *adder;
    pthread_t thread;
    struct chunk_coder *coder;
    struct add_base *base;
};
int must_check add_encode(struct add_worker *w, struct add_slot *s, struct err *e);
/* 0: it is stored, and so is its base; 1: not. */
int must_check add_lookup(struct adder *a, const struct chunk_id *id, struct err *e);

/* --- packs (add_pack.c) --- */
bool add_pack_has_room(const struct adder *a, const struct add_slot *s); /* locked */
int must_check add_pack_chunk(struct adder *a, struct add_slot *s, struct err *e);
/* What is being filled goes to the replicas. Nobody else packs. */
int must_check add_pack_close(struct adder *a, enum object_class class, struct err *e);

/* --- to the replicas (add_put.c) --- */
struct add_job {
    struct add_job *next;
    char name[80];
    const uint8_t *data;
    size_t len;
    uint8_t digest[SEAL_HASH_LEN];
    uint32_t waits, taken;        /* bits of replicas: not yet put; begun or put */
    unsigned users;               /* lanes that look at data */
    struct pack_builder *builder; /* of a pack; NULL: a segment */
    enum object_class class;
    struct pack_built built;
    uint8_t *owned; /* a segment's bytes */
};
struct add_replica {
    struct store *store;
    bool near, may_lag, failed;
    int64_t held_us; /* it has held up the read, since it was last through with all there was */
    struct err error;
};
struct add_lane {
    struct adder *adder;
    size_t replica;
    pthread_t thread;
};
void add_put_queue(struct adder *a, struct add_job *job); /* locked; takes job */
int must_check add_put_wait(struct adder *a, struct err *e);
/* The index segment of what was put; nothing if there is none. */
int must_check add_put_segment(struct adder *a, struct err *e);
void *add_lane_main(void *lane);
/* The replica drops out. Locked. */
void add_put_drop(struct adder *a, size_t replica, const struct err *why);
/* add_lag.c: the caller's thread waits for a->room, as on a condition. Locked. */
void add_wait_for_room(struct adder *a);
void add_job_free(struct add_job *job);

/* --- the list that is being made: the caller's thread alone (add_list.c) --- */
struct add_pending; /* an entry whose content is under way */
struct add_list {
    bool open, is_tree;
    struct buf bytes; /* records that are not cut yet */
    struct add_pending *first, *last;
    struct chunk_ref run[LIST_REFS_MAX]; /* of a stream, or behind an entry */
    size_t run_count;
    struct chunk_ref *chunks; /* its own, so far */
    size_t chunk_count, chunk_cap;
    uint64_t entries, content;
    uint64_t packed_before;
    int copy;
    struct add_cursor *data_cursor, *list_cursor; /* owned; NULL: none */
};
int must_check add_list_begin(struct adder *a, bool is_tree, int previous, int copy, struct err *e);
/* A reference that came out of the pipeline. */
int must_check add_list_take(struct adder *a, enum chunk_kind kind, const struct chunk_ref *ref,
                             struct err *e);
/* An entry; x->refs are all of its content if it is known, else content comes by add_list_take. */
int must_check add_list_entry(struct adder *a, const struct list_entry *x, bool known,
                              struct err *e);
void add_list_expect(struct adder *a);   /* one more chunk for the last entry */
void add_list_withdraw(struct adder *a); /* the last entry does not count */
/* Take what is done, write its records, cut and hand over chunks of them. */
int must_check add_list_pump(struct adder *a, struct err *e);
int must_check add_list_finish(struct adder *a, struct err *e);
void add_list_deinit(struct adder *a);

/* --- streams and trees: the caller's thread alone (add_stream.c, add_tree.c) --- */
int must_check add_stream_end(struct adder *a, struct err *e);
int must_check add_tree_end(struct adder *a, struct err *e);
void add_tree_deinit(struct adder *a);
struct add_content { /* of the stream or file at hand: the caller's thread alone */
    struct add_block *block;
    size_t begin; /* in it: of what is not handed over yet */
    /* of a file */
    uint64_t left; /* not handed over yet */
    size_t cut;    /* its chunks' length */
    size_t filled; /* of the chunk at hand */
    size_t number; /* of that chunk */
};
struct add_tree {
    struct adder_tree caller;
    struct tree_ids ids;
    bool began;
    dev_t root;
    bool same;               /* `found` is what there is */
    struct list_entry found; /* borrowed */
    struct chunk_ref *refs;  /* all of it; owned */
    size_t ref_count, ref_cap;
    struct buf path;
};

struct adder {
    struct repository *repository; /* borrowed, as the next two */
    struct index *index;
    struct adder_replica *shown;
    bool (*elsewhere)(void *arg); /* as told by the caller; or NULL */
    void *elsewhere_arg;
    struct cutter stream_cutter, list_cutter;
    struct chunk_coder *coder; /* the caller's thread */
    struct add_list list;
    struct add_content content;
    struct add_tree tree;

    pthread_mutex_t lock; /* guards what follows, but for slots that a thread has taken */
    pthread_cond_t work;  /* for workers */
    pthread_cond_t room;  /* for the caller */
    pthread_cond_t puts;  /* for lanes */
    struct err error;     /* code ERR_NONE: none so far */
    bool stopping;

    struct add_slot slots[ADD_SLOTS];
    uint64_t submitted, hash_next, decide_next, encode_next, pack_next, reaped;
    bool packing;
    struct add_ids pending; /* new, but not in the index yet */
    uint64_t epoch;         /* how often something entered the index */

    struct add_blocks blocks;

    struct add_builders { /* data and lists each have their own: packs of lists stay short */
        struct pack_builder *filling; /* of whoever packs */
        struct pack_builder *free[ADD_BUILDERS];
        size_t free_count, count;
    } builders[2]; /* by class */
    uint64_t packed_bytes, put_bytes;

    struct add_job *jobs; /* oldest first */
    struct index_writer *writer;
    struct add_replica replicas[ADD_REPLICAS_MAX];
    size_t replica_count;

    struct add_worker workers[ADD_THREADS_MAX];
    size_t worker_count;
    struct add_lane lanes[ADD_REPLICAS_MAX * ADD_LANES];
    size_t lane_count;
};

static inline struct add_slot *add_slot_at(struct adder *a, uint64_t i)
{
    return &a->slots[i % ADD_SLOTS];
}
void add_fail(struct adder *a, const struct err *why);           /* takes the lock */
void add_fail_locked(struct adder *a, const struct err *why);    /* wakes everybody */
int must_check add_error_locked(struct adder *a, struct err *e); /* 0: none */
