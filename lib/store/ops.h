/* ops.h — what stands behind store.h: one table of functions per kind of store.
 *
 * store.c checks names and arguments once, for all of them: an implementation sees only valid
 * object names. Every function keeps the promise that store.h makes for its namesake. */
#pragma once

#include "lib/store/store.h"

struct store_ops {
    void (*close)(struct store *s); /* frees s, place excepted */
    /* name: NULL or valid; commit gets the same one */
    int (*put_begin)(struct store *s, const char *name, enum store_begin how,
                     struct store_put **ret, struct err *e);
    int (*put_write)(struct store_put *p, const void *data, size_t len, struct err *e);
    int (*put_seal)(struct store_put *p, uint64_t offset, size_t len,
                    const uint8_t sha256[STORE_DIGEST_LEN], struct err *e);
    int (*put_commit)(struct store_put *p, const char *name, enum store_commit how,
                      struct err *e);      /* does not free */
    void (*put_free)(struct store_put *p); /* and removes what was not committed */
    int (*get)(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
               size_t *ret_len, struct err *e);
    int (*list)(struct store *s, const char *prefix, bool fold, const char *after,
                struct store_object *out, size_t max, size_t *ret_count, struct err *e);
    int (*stat)(struct store *s, const char *name, struct store_object *ret, struct err *e);
    int (*delete)(struct store *s, const char *name, struct err *e);
    int (*space)(struct store *s, struct store_space *ret, struct err *e);
    int (*sweep)(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e);
    int (*point)(struct store *s, const char *name, const char *target, struct err *e);
    int get_parallel;                                                    /* 0 counts as 1 */
    const char *readback;                                                /* NULL counts as "read" */
    void (*stop_reads)(struct store *s, store_stop_cb *stop, void *arg); /* NULL: it is near */
    void (*give_up)(struct store *s);                                    /* likewise */
    char *(*local_path)(struct store *s, const char *name);
};

/* First member of every store's own struct. */
struct store {
    const struct store_ops *ops;
    char *place; /* owned */
};

/* First member of every put's own struct. */
struct store_put {
    struct store *store;
    char *name;               /* given at begin, or NULL; owned by store.c, as the next three are */
    uint64_t written, sealed; /* bytes */
    bool failed;              /* only abort is allowed now */
};

enum { STORE_SEAL_MAX = 16 * 1024 * 1024 };

/* What statvfs(3) says in blocks, counted as df(1) counts it: blocks that only root may fill are neither
 * room nor part of the whole. known: false when the file system tells nothing or nonsense. */
void store_space_of_blocks(uint64_t block_bytes, uint64_t blocks, uint64_t unused,
                           uint64_t available, struct store_space *ret);

/* Relative, '/'-separated, 1..STORE_NAME_MAX bytes, no part empty, "." or "..". */
bool store_is_name(const char *name);
