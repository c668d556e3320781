/* tree_swap.h — put a restored tree in the place of the present one, entry by entry, so that it
 * can be undone, whatever happens in between.
 *
 * TARGET may be a mount point or bind-mounted into a container, so it is never itself renamed.
 * Beside what is in it lies the staging folder:
 *
 *   TARGET/.synbak-restore-RUN/new/        the restored tree; after the swap what was there before
 *   TARGET/.synbak-restore-RUN/plan.json   the steps, durable before the first is made
 *   TARGET/.synbak-restore-RUN/content     what is restored, so that the same restore can go on
 *
 * A step is one path. Where both sides have it they are exchanged (renameat2 RENAME_EXCHANGE, or
 * three renames where the file system lacks that: then it is absent for a moment); where one side
 * has it, it moves to the other. So every step is its own inverse, and inode
 * numbers in the plan tell whether it was made. A folder whose present form holds something that
 * does not belong to the source (excluded, or a mount point) is not exchanged but entered: what is
 * in it is exchanged, its permissions are set, the rest stays where it is. So is one that holds
 * something that is the same already (`kept`). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/tree/tree_kept.h"
#include "lib/tree/tree_rules.h"

struct tree_swap;

struct tree_swap_spec {
    const char *target;             /* absolute path of the folder; borrowed */
    const char *run;                /* name of the restore: [A-Za-z0-9_.-]+; borrowed */
    const char *single;             /* only this entry is concerned, or NULL: all; borrowed */
    const struct tree_rules *rules; /* what belongs to the source; NULL: everything; borrowed */
    /* What is being restored, in words that nothing else has, at most 64 KiB: a restore of the same may go on with
     * what this one made, if it is cut off. NULL: none may. Borrowed. */
    const char *content;
    /* Files that are not in the restored tree because they are the same in TARGET, and stay there; filled until
     * tree_swap_plan. Links, devices and folders that are the same stay then too. NULL: everything is
     * exchanged. Borrowed. */
    struct tree_kept *kept;
};

/* Open TARGET (which exists) and make the staging folder. ERR_EXISTS: this run was here before.
 * *ret_new: descriptor of new/, owned by the swap. */
int must_check tree_swap_begin(const struct tree_swap_spec *spec, struct tree_swap **ret,
                               int *ret_new, struct err *e);
/* Compare both sides and write the plan. ERR_REFUSED: something in TARGET cannot be exchanged, or what was to
 * stay has changed. */
int must_check tree_swap_plan(struct tree_swap *s, struct err *e);
/* Make all steps; when one fails, those that were made are undone. When it returns 0 they are
 * durable. *ret_kept: bytes that lie in the staging folder now, 0: nothing was replaced and the
 * folder is gone. */
int must_check tree_swap_run(struct tree_swap *s, uint64_t *ret_kept, struct err *e);
/* After a run: what was there before is not to be kept. Removed by tree_swap_end. */
void tree_swap_discard(struct tree_swap *s);
/* Before tree_swap_end: if the plan was not run, the staging folder stays for a restore that goes on. false: no file
 * was made, so that it does not. */
bool tree_swap_leave(struct tree_swap *s);
/* Free. A staging folder whose plan was not run is removed. NULL-safe. */
void tree_swap_end(struct tree_swap *s);

/* Undo a run in TARGET, finished or cut off, and remove what it restored. ERR_NOT_FOUND: nothing
 * of it is there. Undoing what is undone already is no error. */
int must_check tree_swap_undo(const char *target, const char *run, struct err *e);
struct tree_recovered {
    size_t undone; /* runs that were cut off, and are gone */
    struct strlist
        runs; /* of the same content: what they made lies there, and nothing of it is in place */
    uint64_t files, bytes; /* that these made */
};
void tree_recovered_deinit(struct tree_recovered *r);
/* Undo and clear away what was cut off in TARGET earlier, but for what `content` (may be NULL) can go on with:
 * that is undone only. Finished runs stay. ERR_REFUSED: another restore is at work there. */
int must_check tree_swap_recover(const char *target, const char *content,
                                 struct tree_recovered *ret, struct err *e);
/* What such a run made: descriptors of it, and of a lock that says to others that we are at work; the caller's to
 * close. Remove it with tree_swap_undo when nothing of it is wanted any more. */
int must_check tree_swap_open_made(const char *target, const char *run, int *ret_lock, int *ret_new,
                                   struct err *e);

/* Can TARGET's file system exchange two entries at once? Tried there, in a folder that comes and
 * goes; true also when that cannot be tried. */
bool tree_swap_is_atomic(const char *target, const char *run);

/* What lies in TARGET but for staging folders: entries of it, and bytes in all. */
int must_check tree_swap_measure(const struct tree_swap_spec *spec, uint64_t *ret_entries,
                                 uint64_t *ret_bytes, struct err *e);
