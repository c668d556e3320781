/* tree_read.h — read a file tree, or a single file, and tell a visitor of what is in it.
 *
 * Entries come in the byte order of their names, a folder before what is in it; the root is "./". The
 * walk follows no link and goes by descriptors, so that nothing moved meanwhile can lead it
 * astray. A regular file up to TREE_WHOLE_MAX is read whole and checked before it is told; a
 * larger one that changed meanwhile is told again as a later member of the same path, at most
 * twice. What could not be read, or kept changing, is a problem: the rest goes on, the source is
 * not whole. What vanished meanwhile or cannot be stored (sockets) is a note. */
#pragma once

#include "lib/tree/tree_member.h"
#include "lib/tree/tree_rules.h"

enum { TREE_WHOLE_MAX = 8 << 20, TREE_DEPTH_MAX = 2000, TREE_HELPERS_MAX = 8 };

struct tree_visitor { /* all called on the reader's thread; pointers are valid for the call */
    void *arg;
    /* A regular file or a folder as it stands; no link was followed. 1: what there is to know of
     * it is known. A file is then neither opened nor read, and no attributes are; `member` follows
     * with m->known. 0: it is not. NULL: nothing is. Called at most once for each path, in the
     * order of members; not for the later names of a file with several. Between st and this call,
     * and while it is not opened, the file may change: what is remembered of it must be st. */
    int (*known)(void *arg, const char *path, const struct stat *st, struct err *e);
    /* The next member. Unless it is known, hard or no regular file, exactly st_size bytes follow
     * by `data`. */
    int (*member)(void *arg, const struct tree_member *m, struct err *e);
    /* len > 0; zeros for holes. Up to TREE_WHOLE_MAX the whole content comes in one call. */
    int (*data)(void *arg, const void *data, size_t len, struct err *e);
    /* Called when bytes of `path` were read, before they are checked, and now and then where
     * nothing is. -1 with *e ends the walk, as with all of these. */
    int (*progress)(void *arg, const char *path, uint64_t total_bytes, struct err *e);
    /* What is told of `path` (as members have it, without the slash of folders; "" for the root)
     * is not what it holds, though its st may say so for good: it must not be known next time. Comes
     * with a problem, around the member. NULL: who cares not. */
    void (*spoiled)(void *arg, const char *path);
    void (*problem)(void *arg, const char *text);
    void (*note)(void *arg, const char *text);
};

struct tree_read_spec {
    const char *path; /* absolute: a folder, or a regular file */
    const struct tree_rules *rules;
    bool one_file_system; /* folders on another are stored, what is in them is not */
    bool attributes;      /* extended attributes and ACLs */
    bool must_hold_files; /* empty is ERR_SOURCE: it held files before */
    unsigned helpers;     /* threads that list folders ahead of the walk: 0 to TREE_HELPERS_MAX */
};

struct tree_read_result {
    uint64_t files; /* members that are not folders, each once */
    uint64_t bytes; /* their content, as far as it was read */
    uint64_t known; /* regular files that were known */
    uint64_t known_bytes;
    bool single; /* the path is a file */
};

/* ERR_SOURCE: missing, not readable, or empty against must_hold_files. Otherwise -1 only for what
 * the callbacks return and for our own faults. Blocks. */
int must_check tree_read(const struct tree_read_spec *spec, const struct tree_visitor *visitor,
                         struct tree_read_result *ret, struct err *e);
