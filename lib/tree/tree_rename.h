/* tree_rename.h — the one move there is: what is on either side of a step goes to the other. Where
 * the file system exchanges (renameat2 RENAME_EXCHANGE) that is one call; where it does not (NFS,
 * some FUSE) it is three renames over a third place, and what is there is absent for a moment.
 * Private to tree_swap*.c and tree_exchange.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct tree_side {
    int fd;           /* borrowed */
    const char *name; /* borrowed */
    uint64_t inode;   /* 0: nothing is there */
};

/* Fill ret->inode for its fd and name. */
int must_check tree_side_look(struct tree_side *ret, struct err *e);
/* Either side, or both, may be empty. aside: a free name on the same file system. When it fails
 * half-way, what was in the target lies in aside or there; nothing is lost. */
int must_check tree_rename_swap(const struct tree_side *target, const struct tree_side *fresh,
                                const struct tree_side *aside, struct err *e);
/* Never replaces anything. */
int must_check tree_rename_move(const struct tree_side *from, const struct tree_side *to,
                                struct err *e);
/* Try it with two files in a folder of ours. True also when it cannot be tried. */
bool tree_rename_can_exchange(int folder);
