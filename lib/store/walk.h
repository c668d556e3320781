/* walk.h — objects that lie in folders, listed in the byte order of whole names.
 *
 * A folder sorts as its name with '/' behind, so that walking each folder in that order gives that order.
 * Each page walks again from the prefix's folder, but enters only folders that can hold names behind `after`. */
#pragma once

#include "lib/store/store.h"

struct walk;

struct walk_entry {
    char *name; /* whole; a folder's ends in '/'; owned */
    uint64_t size;
    struct wall modified;
};

/* Read one folder: walk_add() for every file and folder in it. `path` is "" or ends in '/'. 1: it has
 * gone, or is not ours to read; it holds no objects. */
typedef int walk_read_cb(void *arg, struct walk *w, const char *path, struct err *e);

/* The arguments and result of store_list(). */
int must_check walk_list(walk_read_cb *read, void *arg, const char *prefix, bool fold,
                         const char *after, struct store_object *out, size_t max, size_t *ret_count,
                         struct err *e);
/* To be filled in and valid until the next call; NULL if the name is not wanted: no object can have it,
 * or it is not of this page. `base` is the last part of the name, is_folder as it says. */
struct walk_entry *walk_add(struct walk *w, const char *path, const char *base, bool is_folder);
/* What walk_add() gave last is not there after all. */
void walk_drop(struct walk *w);
