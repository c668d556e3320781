/* collect.h — removing sets from a repository, and what no set needs any more
 * (docs/repository-format.md, "Trash").
 *
 *   record what is removed -> merge the index -> mark from every set -> move what is worth it out of
 *   packs that are mostly dead -> trash list -> delete what was on it long enough: index without it, pack
 *
 * Packs with nothing live are on the trash list for the whole trash period before they go, and leave it
 * when they are needed again. Broken off anywhere it can be done again; nothing that a set needs was
 * touched. Whoever is no longer the pruner finds out before each deletion. Memory: a bit an index entry,
 * 64 bytes a pack, 48 MiB. Blocks. */
#pragma once

#include "lib/repository/repository.h"

struct collect_set {
    const char *job, *id;
};

struct collect_spec {
    struct repository *repository; /* opened with full keys; its store is the first replica */
    struct store **replicas;       /* further ones; borrowed. One that is behind is left alone */
    size_t replica_count;
    const struct log_author *who;
    const struct collect_set *remove; /* as retention chose; one that is gone is no failure */
    size_t remove_count;
    const char *rule; /* why, for the record */
    bool remove_only; /* looking for what no set needs any more, which reads every list, waits */
    /* being read: neither removed nor, if they are gone already, what they need */
    const struct collect_set *reading;
    size_t reading_count;
    const struct pack_name *damaged; /* packs known to be: their chunks live where else they lie */
    size_t damaged_count;
    struct wall now;
    bool
        clock_in_doubt; /* then sets are removed, and nothing else is done: the wait is by the clock */
    int64_t trash_s;
    /* when the oldest run or restore began that adds to this repository or reads from it right now; 0:
     * none does. It may count on whatever was not on trash a day before. */
    struct wall oldest_run;
    size_t delete_max;   /* packs deleted at once; 0: no limit */
    uint64_t repack_max; /* bytes moved at once; 0: nothing is moved */
    int threads;
    /* polled; true ends with ERR_CANCELLED. May be NULL, as may progress. */
    bool (*cancelled)(void *arg);
    void (*progress)(void *arg, const char *phase, uint64_t done, uint64_t total);
    void *arg;
};

struct collect_result {
    size_t removed;                            /* sets */
    size_t sets;                               /* that are there */
    struct strlist refused;                    /* "JOB/ID: why", of sets that were not removed */
    struct strlist problems;                   /* what kept it from deleting or moving something */
    uint64_t live_chunks, live_bytes;          /* stored */
    size_t packs, on_trash, deleted, repacked; /* packs; on_trash: after it all */
    size_t orphans;                            /* packs that no segment names, on trash as well */
    size_t segments_deleted;                   /* index segments */
    uint64_t trash_bytes, freed_bytes, moved_bytes;
    size_t missing; /* packs that segments name and that are not there */
    size_t replicas_behind;
};
void collect_result_deinit(struct collect_result *r);

/* ERR_FOREIGN: another is the pruner. ERR_DAMAGED: what a set needs cannot be told; sets were removed,
 * nothing was deleted. ERR_KEY: write-only keys. ret is filled as far as it went, also on failure. */
int must_check collect(const struct collect_spec *spec, struct collect_result *ret, struct err *e);
