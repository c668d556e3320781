/* tree_archive.h — for tests: a file tree, or a single file, as a tar stream: tree_read into tree_tar. */
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

/* progress, problem, note, result and errors as tree_read's. */
struct archive_visitor {
    const struct tree_events *events;
    struct tree_tar *tar;
};

static inline int tree_archive_member(void *arg, const struct tree_member *m, struct err *e)
{
    return tree_tar_member(((struct archive_visitor *)arg)->tar, m, e);
}

static inline int tree_archive_data(void *arg, const void *data, size_t len, struct err *e)
{
    return tree_tar_data(((struct archive_visitor *)arg)->tar, data, len, e);
}

static inline int tree_archive_progress(void *arg, const char *path, uint64_t total_bytes,
                                        struct err *e)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    return events->progress(events->arg, path, total_bytes, e);
}

static inline void tree_archive_problem(void *arg, const char *text)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    events->problem(events->arg, text);
}

static inline void tree_archive_note(void *arg, const char *text)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    events->note(events->arg, text);
}

static inline int tree_archive(const struct tree_read_spec *spec, const struct tree_events *events,
                               struct tree_read_result *ret, struct err *e)
{
    struct archive_visitor v = {.events = events};
    const struct tree_visitor visitor = {.arg = &v,
                                         .member = tree_archive_member,
                                         .data = tree_archive_data,
                                         .progress = tree_archive_progress,
                                         .problem = tree_archive_problem,
                                         .note = tree_archive_note};

    if (tree_tar_open(&v.tar, events->data, events->arg, e) < 0)
        return -1;
    int rc = tree_read(spec, &visitor, ret, e);
    if (rc == 0)
        rc = tree_tar_finish(v.tar, e);
    tree_tar_free(v.tar);
    return rc;
}
