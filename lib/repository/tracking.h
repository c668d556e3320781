/* tracking.h — what one source was like when it was last committed to a repository, in a folder of
 * this machine: nothing that is lost here costs more than a full read.
 *
 *   DIR/N/NAME.list   the list stream of the artifact NAME, as committed by transaction N
 *   DIR/N/head        of what it is, with the length and SHA-256 of each list; written last
 *   DIR/N.changes     what transaction N found added, changed and removed; kept for a year
 *
 * A transaction is one run of the source. The next one is N + 1; it counts only once the caller has
 * remembered that number for good, which it must do after the set was committed and at no other time. What
 * lies above the number that counts is the remains of runs that were not, and gives way.
 *
 *   open -> (begin | begin_tree, previous, find..., end)* -> finish -> free
 *
 * A list of last time is believed only if the head says that it is of this repository, host and
 * source, and its bytes are those that were written. */
#pragma once

#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/repository/list.h"

struct tracking;

struct tracking_spec {      /* all borrowed during the call */
    const char *dir;        /* made if need be; of one source in one repository */
    int64_t number;         /* the transaction that counts; 0: none */
    const char *repository; /* its id */
    const char *host;       /* of whom the files are */
    const char *id;         /* of the set that is being made */
};
/* To be called before the source is looked at. ERR_IO: nothing can be remembered in that folder. */
int must_check tracking_open(const struct tracking_spec *spec, struct tracking **ret,
                             struct err *e);
/* Why nothing, or not everything, of last time is believed: one sentence; NULL: nothing to tell. */
const char *tracking_doubt(const struct tracking *t);
void tracking_free(struct tracking *t); /* NULL-safe; what was not finished is removed */

/* --- one artifact at a time; name: a file name, of at most 200 bytes --- */

/* A stream. */
int must_check tracking_begin(struct tracking *t, const char *name, struct err *e);
/* The tree at `path`; at most one in a transaction. attributes: whether they are read. */
int must_check tracking_begin_tree(struct tracking *t, const char *name, const char *path,
                                   bool attributes, struct err *e);
/* Of the artifact that is open: the list of last time to be read from its beginning, or -1; the file
 * for the new one. Both are the tracking's. */
int tracking_previous(const struct tracking *t);
int tracking_copy(const struct tracking *t);
/* As struct adder_tree wants them (lib/repository/add.h), arg being the struct tracking. Same: type, size,
 * mtime, ctime, inode and, except on the root's file system, the device are as they were, and the
 * file was at rest when the run of last time began. Memory: that of one record of the list. */
int must_check tracking_find(void *arg, const char *path, const struct stat *st,
                             const struct list_entry **ret, bool *ret_same, struct err *e);
int must_check tracking_more(void *arg, const struct chunk_ref **ret, size_t *ret_count,
                             struct err *e);
/* What was told last of `path` is not what the file holds: next time it is not the same. */
void tracking_spoil(struct tracking *t, const char *path);
/* whole: the list is complete. false: it is forgotten, and so is its past: the next run reads everything. */
int must_check tracking_end(struct tracking *t, bool whole, struct err *e);

/* All durable. *ret: the number that is to count from now on. */
int must_check tracking_finish(struct tracking *t, int64_t *ret, struct err *e);

/* --- what changed (any process) --- */

enum tracking_kind { TRACKING_ADDED = 'a', TRACKING_CHANGED = 'c', TRACKING_REMOVED = 'r' };
struct tracking_change {
    enum tracking_kind kind;
    char type;        /* as in lists; of what is removed: as it was */
    const char *path; /* "" for the root */
    uint64_t size, inode;
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
};
struct tracking_summary {
    int64_t number;
    char id[64]; /* of the set */
    struct wall started;
    bool compared; /* false: there was nothing to compare with, and no changes follow */
};
struct tracking_reader { /* called in the order of numbers, and of lists in each */
    void *arg;
    int (*transaction)(void *arg, const struct tracking_summary *s, struct err *e);
    int (*change)(void *arg, const struct tracking_change *c, struct err *e);
    int (*lost)(void *arg, int64_t number, struct err *e); /* missing or damaged */
};
/* The transactions from `from` to `to` (that which counts). -1: what a callback returned, or
 * ERR_IO. Each is checked before anything of it is told. */
int must_check tracking_changes_read(const char *dir, int64_t from, int64_t to,
                                     const struct tracking_reader *r, struct err *e);
