/* ls.c — the ls verb: what a set holds. The members of trees one by one; a dump or a command's output is
 * one entry. A result has to fit into one message: what is too much is counted, not listed, and
 * "source" and "path" narrow it down. */
#include <string.h>

#include "daemon/worker/set_reader.h"
#include "daemon/worker/worker.h"
#include "lib/base/clock.h"
#include "lib/tree/tree_untar.h"

enum { ENTRIES_MAX = 50000, TEXT_MAX = 8 << 20 };

struct listing {
    struct worker *worker;
    json_t *entries;
    size_t text; /* bytes of names so far */
    uint64_t left_out;
    const char *below; /* only this path and what lies below it, or NULL */
};

static void add(struct listing *l, const char *source, const char *path, const char *type,
                uint64_t size, json_t *mtime)
{
    l->text += strlen(path);
    if (json_array_size(l->entries) >= ENTRIES_MAX || l->text > TEXT_MAX) {
        l->left_out++;
        json_decref(mtime);
        return;
    }
    (void)json_array_append_new(l->entries, json_pack("{s:s, s:o, s:s, s:I, s:o}", "source", source,
                                                      "path", json_printable(path), "type", type,
                                                      "size", (json_int_t)size, "mtime", mtime));
}

static const char *type_of(const struct tree_untar_member *m)
{
    if (m->hardlink != NULL)
        return "hardlink";
    switch (m->mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "folder";
    case S_IFLNK:
        return "symlink";
    case S_IFIFO:
        return "fifo";
    default:
        return "device";
    }
}

static bool is_wanted(const struct listing *l, const char *path)
{
    size_t len = l->below == NULL ? 0 : strlen(l->below);

    return len == 0 ||
           (strncmp(path, l->below, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static int list_members(struct listing *l, const char *source, struct tree_untar *tar,
                        struct set_artifact *content, uint64_t total, struct err *e)
{
    struct tree_untar_member m;
    char when[32];
    int rc;

    while ((rc = tree_untar_next(tar, &m, e)) == 0) {
        if (worker_cancelled(l->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(l->worker, "list", set_artifact_done(content), total);
        if (m.path[0] != '\0' && is_wanted(l, m.path))
            add(l, source, m.path, type_of(&m), (uint64_t)m.size,
                json_string(clock_iso8601((struct wall){m.mtime_s * 1000000}, when)));
    }
    return rc < 0 ? -1 : 0;
}

static int list_tar(struct listing *l, struct set_reader *set, const struct manifest_artifact *a,
                    struct err *e)
{
    struct set_artifact *content = NULL;
    struct tree_untar *tar = NULL;

    int rc = set_artifact_open(set, a, NULL, &content, e);
    if (rc == 0)
        rc = tree_untar_open(&tar, set_artifact_read, content, e);
    if (rc == 0)
        rc = list_members(l, a->source, tar, content, set_artifact_size(a), e);
    tree_untar_free(tar);
    set_artifact_close(content);
    return rc < 0 ? err_wrap(e, "source \"%s\"", a->source) : 0;
}

static void add_entry(struct listing *l, const char *source, const struct list_entry *x)
{
    const struct wall mtime = {x->mtime_s * 1000000};
    char when[32];

    if (x->path[0] != '\0' && is_wanted(l, x->path))
        add(l, source, x->path, list_type_word(x->type), x->size,
            json_string(clock_iso8601(mtime, when)));
}

/* A repository keeps the list of a tree apart from its content, which is not read. */
static int list_entries(struct listing *l, const char *source, struct list_reader *entries,
                        struct err *e)
{
    struct list_record record;
    uint64_t done = 0;
    int rc;

    while ((rc = list_reader_next(entries, &record, e)) == 0) {
        if (worker_cancelled(l->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(l->worker, "list", ++done, 0);
        if (record.type == LIST_ENTRY)
            add_entry(l, source, &record.entry);
    }
    return rc < 0 ? -1 : 0;
}

static int list_tree(struct listing *l, struct set_reader *set, const struct manifest_artifact *a,
                     struct err *e)
{
    _cleanup_free_ struct chunk_ref *list = NULL;
    struct list_reader *entries = NULL;

    if (a->list.count == 0)
        return list_tar(l, set, a, e);
    int rc = repo_list_parse(&a->list, &list, e);
    if (rc == 0)
        rc = list_reader_open(set->repo.fetcher, list, a->list.count, &entries, e);
    if (rc == 0)
        rc = list_entries(l, a->source, entries, e);
    list_reader_close(entries);
    return rc < 0 ? err_wrap(e, "source \"%s\"", a->source) : 0;
}

static int list_set(struct listing *l, struct set_reader *set, const char *source, struct err *e)
{
    const struct manifest *m = &set->manifest;

    if (source != NULL && set_reader_check_source(m, source, e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        if (source != NULL && !str_equal(a->source, source))
            continue;
        if (manifest_artifact_is_tree(a)) {
            if (list_tree(l, set, a, e) < 0)
                return -1;
            continue;
        }
        char when[32];
        _cleanup_free_ char *name = set_reader_file_name(a);
        if (is_wanted(l, name))
            add(l, a->source, name, a->kind, a->raw_bytes,
                json_string(clock_iso8601(m->started, when)));
    }
    return 0;
}

int verb_ls(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct listing l = {.worker = w, .below = json_opt_string(job, "path", NULL)};
    struct set_reader set;

    if (set_reader_open(w, job, &set, e) < 0)
        return -1;
    l.entries = json_array();
    int rc = list_set(&l, &set, json_opt_string(job, "source", NULL), e);
    if (rc == 0)
        *ret_result =
            json_pack("{s:O, s:I}", "entries", l.entries, "left_out", (json_int_t)l.left_out);
    json_decref(l.entries);
    set_reader_close(&set);
    return rc;
}
