/* restore_look.h — the list of a tree in a repository against the folder it is to go to, before anything is read or
 * changed there: which files look the same, and which have several names. Used by restore_tree*.c and
 * restore_present.c. */
#pragma once

#include "daemon/worker/set_reader.h"

struct restore_look {
    uint64_t files,
        bytes; /* that look the same, by size and time: their content is yet to be compared */
    struct restore_link {  /* another name of a file */
        char *file, *name; /* owned */
    } * links;             /* owned; sorted by file, then name */
    size_t link_count;
};

/* target: an open folder. Blocks; ends with ERR_CANCELLED. */
int must_check restore_look(struct worker *w, struct set_reader *set,
                            const struct manifest_artifact *a, int target, struct restore_look *ret,
                            struct err *e);
/* The links to this file: *ret_count of them from *ret on. */
void restore_look_links(const struct restore_look *l, const char *file, size_t *ret,
                        size_t *ret_count);
void restore_look_deinit(struct restore_look *l); /* safe on a zeroed one */
