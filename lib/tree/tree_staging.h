/* tree_staging.h — the staging folder of a swap (tree_swap.h). Private to tree_swap.c, tree_recover.c and
 * tree_measure.c. */
#pragma once

#include <time.h>

#include "lib/tree/tree_steps.h"

/* Its file that says what is restored (tree_swap_spec.content), with the target's modification time from before. */
#define TREE_STAGING_CONTENT "content"

char *tree_staging_name(const char *run); /* owned */
/* A folder in an open one, through no link: a descriptor, or -1 and errno. */
int tree_staging_open_sub(int fd, const char *name);
/* Making and removing the staging folder is no change of the target that anyone should see. */
void tree_staging_set_time(int target, struct timespec mtime);
/* The target's own time as it is to be after a run, or after its undoing. */
void tree_staging_set_planned_time(int target, const struct tree_steps *p, bool forward);
int must_check tree_staging_remove(int target, const char *name, struct err *e);
/* Entries and bytes of a folder and all below it are added. top: what a swap does not touch is left out. */
struct tree_size {
    uint64_t entries, files, bytes; /* files: entries that are no folders */
};
int must_check tree_staging_measure(int parent, const char *name, bool top, struct tree_size *ret,
                                    struct err *e);
