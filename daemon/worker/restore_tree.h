/* restore_tree.h — a file tree on its way back: what restore_tree.c and restore_tree_plan.c share. */
#pragma once

#include "daemon/worker/restore_item.h"
#include "daemon/worker/restore_present.h"
#include "lib/tree/tree_swap.h"

struct restore_tree {
    struct worker *worker;
    char *source, *target, *single, *run, *step;
    bool in_place, drop_first, made_target;
    bool dropped, swapped, recorded; /* recorded: undo finds it by its run alone */
    uint64_t total;
    struct tree_rules *rules;
    struct tree_swap *swap; /* from staging on */

    /* of a repository: what is there already */
    char *content;                   /* names what is restored; NULL: the plain format */
    struct tree_recovered recovered; /* what restores of the same that were cut off have made */
    struct restore_look *look;       /* owned; of what is in place; NULL: nothing that could stay */
    struct restore_present *present; /* owned; from restore_tree_present on */
    uint64_t written_files, written_bytes, fetched_bytes;
};

struct tree_swap_spec restore_tree_spec(const struct restore_tree *t);
