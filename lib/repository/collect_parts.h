/* collect_parts.h — what the files collect*.c share. */
#pragma once

#include "lib/repository/collect.h"
#include "lib/repository/fetch.h"

struct collect_pack {
    struct pack_name name;
    uint32_t len;           /* of the object, as the index says */
    uint32_t there;         /* and as it is listed; of the first replica that has it */
    uint32_t chunk_bytes;   /* of all boxes; 0: no segment names it */
    uint64_t live_bytes;    /* of boxes */
    struct wall modified;   /* the newest, of all replicas */
    struct wall since;      /* on_trash */
    bool indexed, at_store; /* at_store: of the first replica */
    bool on_trash;          /* by the list as it was */
    bool damaged;           /* and known to be: what lies in it counts when it lies nowhere else */
    bool lost;              /* a segment names it, and no replica has it */
    bool dead;              /* goes on the new one */
    bool moved;             /* what lives in it is in a new one too */
};

struct collect_replica {
    struct store *store; /* borrowed; the first is the repository's own */
    bool behind;         /* left alone from now on */
};

struct collector {
    const struct collect_spec *spec;
    struct collect_result *result;
    struct repository *r;
    struct mono began;
    struct collect_replica *replicas; /* owned */
    size_t replica_count;
    struct index *ix;        /* owned; of one segment while marks count */
    struct index *readable;  /* owned; the same without packs that are not there */
    struct fetcher *fetcher; /* owned; of that */
    uint8_t *marks;          /* owned; a bit for each ordinal */
    struct chunk_id *noted;  /* owned: needed, and not marked yet */
    size_t noted_count;
    uint64_t writer_seen;       /* records of the writer's log that were marked from */
    struct strlist lists;       /* digests of lists that were walked */
    bool incomplete;            /* a chunk that a set needs is in no segment */
    struct collect_pack *packs; /* owned, sorted by name */
    size_t pack_count;
    struct repository_trash *trash; /* owned: the list as it was */
    size_t trash_count;
};

int must_check collect_cancelled(const struct collector *c, struct err *e);
void collect_progress(const struct collector *c, const char *phase, uint64_t done, uint64_t total);
/* "PLACE: " is not put before it. */
void collect_problem(struct collector *c, const char *fmt, ...) printf_like(2, 3);
bool collect_is_read(const struct collect_spec *s, const char *job, const char *id);

/* --- collect_remove.c: the records that sets are gone --- */
int must_check collect_remove_sets(struct collector *c, struct err *e);

/* --- collect_replica.c: further replicas keep up, or are left alone --- */
void collect_bring_replicas(struct collector *c); /* at first; those that lack sets are behind */
/* The pruner's newest record, once what it speaks of is there. Never the writer's: a set shows only where its packs
 * are. */
void collect_replicate_log(struct collector *c);
/* An object of the first replica, to all others; one that fails falls behind. */
void collect_bring(struct collector *c, const char *name);
/* What was just put at the first replica, from memory. */
void collect_put_others(struct collector *c, const char *name, const void *data, size_t len);
/* Index segments that count, to all others. */
int must_check collect_bring_segments(struct collector *c, struct err *e);

/* --- collect_mark.c: which chunks are needed --- */
int must_check collect_mark(struct collector *c, struct err *e);
/* A chunk that is needed; it counts as such after collect_mark_noted. *ret_new becomes true when something
 * was not marked before. */
int must_check collect_note(struct collector *c, const struct chunk_id *id, bool *ret_new,
                            struct err *e);
int must_check collect_mark_noted(struct collector *c, bool *ret_new, struct err *e);
/* Sets that came since: 1 when one needs something that only these packs hold. */
int must_check collect_check_new(struct collector *c, const struct pack_name *doomed, size_t count,
                                 struct err *e);

/* --- collect_packs.c: what lies there, and how much of it lives --- */
struct collect_pack *collect_find_pack(const struct collector *c, const struct pack_name *name);
int must_check collect_list_packs(struct collector *c, struct err *e);
/* Every chunk that is needed, once, as it is kept: where it can be read, whole where it lies whole, not on trash
 * where it lies elsewhere too. */
typedef int collect_each(struct collector *c, const struct index_entry *x, struct collect_pack *p,
                         void *arg, struct err *e);
int must_check collect_sweep(struct collector *c, collect_each *each, void *arg, struct err *e);
int must_check collect_account(struct collector *c, struct err *e);

/* --- collect_move.c: live chunks out of packs that are mostly dead --- */
int must_check collect_move(struct collector *c, struct err *e);

/* --- collect_trash.c: the list --- */
void collect_sort_trash(struct collector *c); /* c->trash, once it is read */
int must_check collect_put_list(struct collector *c, struct err *e);
/* --- collect_delete.c --- */
int must_check collect_delete(struct collector *c, struct err *e);
