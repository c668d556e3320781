/* tree_tar.h — members of a tree as a POSIX pax stream, byte for byte: names of any bytes, times to
 * the nanosecond, extended attributes, ACLs, holes.
 *
 * Stock tar, bsdtar and Python read it. Names that are not UTF-8 carry hdrcharset=BINARY. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/err.h"

typedef int tree_sink(void *arg, const void *data, size_t len, struct err *e);

struct tree_extent { /* a run of data; holes are what lies between */
    int64_t offset, length;
};

struct tree_member {
    const char *path; /* relative; "./" for the root */
    struct stat st;   /* st_size: what will follow as data */
    const char *link; /* symlink: its target; hard link: the earlier member's path; else NULL */
    bool hard;
    int attributes_fd;                 /* attributes and ACLs are read from it; -1: none */
    const struct tree_extent *extents; /* NULL: no holes */
    size_t extent_count;
};

struct tree_tar;
int must_check tree_tar_open(struct tree_tar **ret, tree_sink *sink, void *arg, struct err *e);
/* Begin a member. Then exactly st_size bytes by tree_tar_data, zeros for holes included. */
int must_check tree_tar_member(struct tree_tar *t, const struct tree_member *m, struct err *e);
int must_check tree_tar_data(struct tree_tar *t, const void *data, size_t len, struct err *e);
/* The end of the archive. The stream is whole only when this returned 0. */
int must_check tree_tar_finish(struct tree_tar *t, struct err *e);
void tree_tar_free(struct tree_tar *t); /* NULL-safe */
