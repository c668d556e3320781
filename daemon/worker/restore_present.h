/* restore_present.h — what of a tree is at its target already: files that stay where they are, files that a restore
 * which was cut off has made, and parts of either. The joint between fetch.h, which knows what chunks a file has, and
 * lib/tree, which looks at files as hostile. Used by restore_tree.c. */
#pragma once

#include "daemon/worker/restore_look.h"
#include "lib/tree/tree_kept.h"

struct restore_present;
struct restore_present_spec { /* all borrowed */
    struct worker *worker;
    const char *target;
    /* What is in the target may stay; NULL: it may not, it goes or there is nothing. */
    struct restore_look *look;
    const struct strlist *runs; /* that were cut off, and whose staging folders lie in the target */
    const char *step;           /* for progress */
    uint64_t total;
};
/* Opens what there is. A folder of `runs` is locked for as long as it lives. */
int must_check restore_present_open(const struct restore_present_spec *spec,
                                    struct restore_present **ret, struct err *e);
void restore_present_free(struct restore_present *p); /* NULL-safe */

/* For reading an artifact once. trial: to see what would have to be fetched; nothing stays or is taken. Borrowed
 * from p; for one thread. */
const struct fetch_present *restore_present_begin(struct restore_present *p, bool trial);
/* As take of tree_extract.h, by another thread than the one that reads. */
int must_check restore_present_take(struct restore_present *p, const char *path, int folder,
                                    const char *name, ino_t *ret_inode, struct err *e);
/* Bytes that were written so far, for progress, which it reports. */
void restore_present_progress(struct restore_present *p, uint64_t written);
/* The files that stay, once the artifact was read to its end. Borrowed. */
struct tree_kept *restore_present_kept(struct restore_present *p);

struct restore_present_count {
    uint64_t stayed_files, stayed_bytes; /* where they were */
    uint64_t taken_files, taken_bytes;   /* of restores that were cut off */
};
struct restore_present_count restore_present_count(const struct restore_present *p);
