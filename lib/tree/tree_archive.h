/* tree_archive.h — a file tree, or a single file, as a tar stream: tree_read into tree_tar. */
#pragma once

#include "lib/tree/tree_read.h"
#include "lib/tree/tree_tar.h"

struct tree_events { /* all called on the reader's thread; path and text are valid for the call */
    void *arg;
    tree_sink *data; /* the stream */
    int (*progress)(void *arg, const char *path, uint64_t total_bytes, struct err *e);
    void (*problem)(void *arg, const char *text);
    void (*note)(void *arg, const char *text);
};

/* progress, problem, note, result and errors as tree_read's. Blocks. */
int must_check tree_archive(const struct tree_read_spec *spec, const struct tree_events *events,
                            struct tree_read_result *ret, struct err *e);
