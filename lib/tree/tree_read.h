/* tree_read.h — read a file tree, or a single file, as a tar stream.
 *
 * Entries come in the order of their names, a folder before what is in it; the root is "./". The
 * walk follows no link and goes by descriptors, so that nothing moved meanwhile can lead it
 * astray. A regular file up to TREE_WHOLE_MAX is read whole and checked before it is emitted; a
 * larger one that changed meanwhile is emitted again as a later member of the same name, at most
 * twice. What could not be read, or kept changing, is a problem: the rest goes on, the source is
 * not whole. What vanished meanwhile or cannot be stored (sockets) is a note. */
#pragma once

#include <stdbool.h>

#include "lib/tree/tree_rules.h"
#include "lib/tree/tree_tar.h"

enum { TREE_WHOLE_MAX = 8 << 20, TREE_DEPTH_MAX = 2000 };

struct tree_events { /* all called on the reader's thread; path and text are valid for the call */
    void *arg;
    tree_sink *data; /* the stream */
    /* Called when bytes of `path` were read, before they are checked. -1 with *e ends the walk. */
    int (*progress)(void *arg, const char *path, uint64_t total_bytes, struct err *e);
    void (*problem)(void *arg, const char *text);
    void (*note)(void *arg, const char *text);
};

struct tree_read_spec {
    const char *path; /* absolute: a folder, or a regular file */
    const struct tree_rules *rules;
    bool one_file_system; /* folders on another are stored, what is in them is not */
    bool attributes;      /* extended attributes and ACLs */
    bool must_hold_files; /* empty is ERR_SOURCE: it held files before */
};

struct tree_read_result {
    uint64_t files; /* members that are not folders, each once */
    uint64_t bytes; /* their content */
    bool single;    /* the path is a file */
};

/* ERR_SOURCE: missing, not readable, or empty against must_hold_files. Otherwise -1 only for what
 * the callbacks return and for our own faults. Blocks. */
int must_check tree_read(const struct tree_read_spec *spec, const struct tree_events *events,
                         struct tree_read_result *ret, struct err *e);
