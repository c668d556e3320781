/* tree_walk.h — the state of one tree_read, shared by the walk (tree_read.c) and the emission of
 * regular files (tree_file.c). Private to the two. */
#pragma once

#include "lib/tree/tree_ahead.h"
#include "lib/tree/tree_read.h"

struct tree_walk {
    const struct tree_read_spec *spec;
    const struct tree_visitor *visitor;
    struct tree_read_result *result;
    struct tree_links *links; /* inodes with several names, emitted so far */
    char *path;               /* of the current entry; "" for the root */
    size_t path_len, path_cap;
    uint8_t *buffer;         /* TREE_WHOLE_MAX bytes */
    struct tree_attrs attrs; /* of the current member; its memory is used again and again */
    struct tree_scanner scanner;
    struct tree_ahead *ahead;
};

void tree_walk_problem(struct tree_walk *w, const char *fmt, ...) printf_like(2, 3);
void tree_walk_note(struct tree_walk *w, const char *fmt, ...) printf_like(2, 3);
/* The visitor is not to believe what it is told of the current entry. */
void tree_walk_spoiled(struct tree_walk *w);
/* What failed to open: gone meanwhile is a note, all else a problem. errnum: why. */
void tree_walk_failed(struct tree_walk *w, const char *what, int errnum);

/* What to tell of the attributes of the open file (borrowed until the next call): NULL when they are not
 * asked for. What cannot be read is a problem. */
const struct tree_attrs *tree_walk_attrs(struct tree_walk *w, int fd);
/* Does the visitor know the entry? 1 and 0, as its `known`. */
int must_check tree_walk_known(struct tree_walk *w, const char *path, const struct stat *st,
                               struct err *e);

/* Emit the open regular file as w->path. fd stays the caller's. */
int must_check tree_file_emit(struct tree_walk *w, int fd, const struct stat *st, struct err *e);

struct tree_links *tree_links_create(void);
void tree_links_free(struct tree_links *l);
/* The path under which this inode was emitted before (borrowed), or NULL. */
const char *tree_links_find(const struct tree_links *l, const struct stat *st);
void tree_links_add(struct tree_links *l, const struct stat *st, const char *path);
