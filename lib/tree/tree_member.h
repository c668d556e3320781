/* tree_member.h — one entry of a tree, as whoever reads a tree tells of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/tree/tree_attrs.h"

struct tree_extent { /* a run of data; holes are what lies between */
    int64_t offset, length;
};

struct tree_member {
    const char *path; /* relative; a folder ends in '/'; "./" is the root */
    struct stat st;   /* st_size: what will follow as data */
    const char *link; /* symlink: its target; hard link: the earlier member's path; else NULL */
    bool hard;
    bool known; /* it was not opened: no data follows, attrs and extents are not told */
    bool again; /* it came before but changed while it was read: this one counts */
    const struct tree_attrs *attrs;    /* NULL: not asked for, or not told */
    const struct tree_extent *extents; /* NULL: no holes */
    size_t extent_count;
    const char *user, *group; /* names of owners, "": they have none; NULL: whoever needs them asks
                                 this machine */
};
