#include "lib/tree/tree_archive.h"

struct archive_visitor {
    const struct tree_events *events;
    struct tree_tar *tar;
};

static int on_member(void *arg, const struct tree_member *m, struct err *e)
{
    return tree_tar_member(((struct archive_visitor *)arg)->tar, m, e);
}

static int on_data(void *arg, const void *data, size_t len, struct err *e)
{
    return tree_tar_data(((struct archive_visitor *)arg)->tar, data, len, e);
}

static int on_progress(void *arg, const char *path, uint64_t total_bytes, struct err *e)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    return events->progress(events->arg, path, total_bytes, e);
}

static void on_problem(void *arg, const char *text)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    events->problem(events->arg, text);
}

static void on_note(void *arg, const char *text)
{
    const struct tree_events *events = ((struct archive_visitor *)arg)->events;

    events->note(events->arg, text);
}

int tree_archive(const struct tree_read_spec *spec, const struct tree_events *events,
                 struct tree_read_result *ret, struct err *e)
{
    struct archive_visitor v = {.events = events};
    const struct tree_visitor visitor = {.arg = &v,
                                         .member = on_member,
                                         .data = on_data,
                                         .progress = on_progress,
                                         .problem = on_problem,
                                         .note = on_note};

    if (tree_tar_open(&v.tar, events->data, events->arg, e) < 0)
        return -1;
    int rc = tree_read(spec, &visitor, ret, e);
    if (rc == 0)
        rc = tree_tar_finish(v.tar, e);
    tree_tar_free(v.tar);
    return rc;
}
