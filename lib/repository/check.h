/* check.h — is everything there that sets need, and is every byte what was written?
 *
 * Structure: sets, manifests, lists, the index, and that each pack is there with its length. Data: packs
 * whole, digests, boxes, chunks. What is found is put down, not an error: errors are what
 * keeps from looking. Read access is enough. Blocks. */
#pragma once

#include "lib/repository/fetch.h"

struct check_damage {        /* one object, or one set, that is not what it should be */
    char *object;            /* "packs/ab/…", "index/…", "JOB/ID"; owned */
    char *text;              /* one sentence, the object in it; owned */
    bool missing;            /* it is not there at all */
    struct chunk_id *chunks; /* owned: what is lost with it, as far as is known */
    size_t chunk_count;
};
struct check_result {
    uint64_t sets, lists, packs, chunks, bytes; /* looked at; bytes: stored */
    struct check_damage *damages;               /* owned, each owned */
    size_t damage_count;
};
void check_result_deinit(struct check_result *r);

struct check_spec {
    const struct repository *repository;
    struct index
        *index; /* opened with rebuild, so that what is damaged does not keep from looking */
    int threads;
    void *arg; /* of what follows; may be NULL. -1 with *e ends it (cancelled) */
    int (*progress)(void *arg, uint64_t bytes, uint64_t total, struct err *e);
};

/* Seconds: nothing is decoded but manifests and lists, each list once. Write-only keys: only that packs are
 * there. Adds to *ret, which is zero at first. */
int must_check check_structure(const struct check_spec *spec, struct check_result *ret,
                               struct err *e);

/* A rolling check reads a part of all names at a time. Names are digests, so a part of the names is
 * about as large a part of the bytes, whatever comes and goes in between. */
#define CHECK_RANGE_END (UINT64_C(1) << 32)
struct check_range {
    uint64_t from, to; /* from <= first four bytes of a pack's name < to <= CHECK_RANGE_END */
};
/* range NULL: every pack. Write-only keys: digests only. */
int must_check check_data(const struct check_spec *spec, const struct check_range *range,
                          struct check_result *ret, struct err *e);

/* Which sets, and which paths in them, need a chunk that is lost: itself, or as the base of a delta. */
struct check_touched {
    const char *job, *id;
    const char *source; /* NULL: the set as a whole, its manifest */
    const char *path;   /* of a tree; NULL: the artifact, or its list */
};
int must_check check_touched(const struct check_spec *spec, const struct check_result *found,
                             int (*each)(void *arg, const struct check_touched *t, struct err *e),
                             void *arg, struct err *e);
