/* cat.c — the cat verb: one member of a tar, or one whole artifact, as plain bytes to fd 1.
 *
 * A large file that changed while it was read stands in the tar up to three times, one right after
 * the other, and the last counts: so for a large one the first pass counts, the second writes. A
 * hard link has no bytes of its own: its target is looked for instead, once. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker/set_reader.h"
#include "daemon/worker/worker.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_read.h"
#include "lib/tree/tree_untar.h"

enum { CHUNK = 1 << 20 };

struct cat {
    struct worker *worker;
    struct set_reader set;
    const struct manifest_artifact *artifact;
    char *path; /* of the member; NULL: the whole artifact */
    uint64_t bytes;
};

static int put(struct cat *c, const void *data, size_t len, struct err *e)
{
    if (worker_cancelled(c->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    if (fs_write_all(STDOUT_FILENO, data, len, e) < 0)
        return err_wrap(e, "standard output");
    c->bytes += len;
    return 0;
}

static int put_zeros(struct cat *c, uint64_t count, struct err *e)
{
    static const uint8_t zeros[64 << 10];

    while (count > 0) {
        size_t len = count < sizeof(zeros) ? (size_t)count : sizeof(zeros);
        if (put(c, zeros, len, e) < 0)
            return -1;
        count -= len;
    }
    return 0;
}

static int put_member(struct cat *c, struct tree_untar *tar, const struct tree_untar_member *m,
                      struct err *e)
{
    const void *data;
    size_t len;
    int64_t offset;
    int rc;

    while ((rc = tree_untar_data(tar, &data, &len, &offset, e)) == 0) {
        if (offset < (int64_t)c->bytes || offset + (int64_t)len > m->size)
            return err_set(e, ERR_FORMAT, "its data is out of order");
        if (put_zeros(c, (uint64_t)offset - c->bytes, e) < 0 || put(c, data, len, e) < 0)
            return -1;
    }
    return rc < 0 ? -1 : put_zeros(c, (uint64_t)m->size - c->bytes, e);
}

/* As ls printed it, or the bytes themselves. */
static bool is_member(const struct cat *c, const char *path)
{
    if (strcmp(path, c->path) == 0)
        return true;
    size_t len = strlen(path);
    if (str_is_utf8(path, len))
        return false;
    _cleanup_free_ char *printable = str_printable(path, len);
    return strcmp(printable, c->path) == 0;
}

struct search {
    uint64_t seen;   /* members of that name, in a row */
    uint64_t wanted; /* write that one; 0: find out how many there are */
    char *link;      /* owned: it is a hard link to this */
    bool written;
};

/* 1: nothing more to look for. */
static int look_at(struct cat *c, struct search *s, struct tree_untar *tar,
                   const struct tree_untar_member *m, struct err *e)
{
    if (!is_member(c, m->path))
        return s->seen > 0;
    s->seen++;
    if (m->hardlink != NULL) {
        s->link = mem_strdup(m->hardlink);
        return 1;
    }
    if (!S_ISREG(m->mode))
        return err_set(e, ERR_USAGE, "\"%s\" is not a file%s%s", c->path,
                       m->symlink != NULL ? " but a link to " : "",
                       m->symlink != NULL ? m->symlink : "");
    if (s->wanted == 0 && m->size > TREE_WHOLE_MAX)
        return 0;
    if (s->wanted != 0 && s->seen < s->wanted)
        return 0;
    s->written = true;
    return put_member(c, tar, m, e) < 0 ? -1 : 1;
}

static int pass(struct cat *c, struct search *s, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist only = {0};
    struct set_artifact *content = NULL;
    struct tree_untar *tar = NULL;
    struct tree_untar_member m;

    strlist_add(&only, c->path);
    /* a name as ls shows it may stand for one of other bytes */
    int rc = set_artifact_open(&c->set, c->artifact, strchr(c->path, '\\') == NULL ? &only : NULL,
                               &content, e);
    if (rc == 0)
        rc = tree_untar_open(&tar, set_artifact_read, content, e);
    while (rc == 0 && (rc = tree_untar_next(tar, &m, e)) == 0) {
        worker_progress(c->worker, "look for it", set_artifact_done(content),
                        set_artifact_size(c->artifact));
        rc = worker_cancelled(c->worker) ? err_set(e, ERR_CANCELLED, "cancelled")
                                         : look_at(c, s, tar, &m, e);
    }
    tree_untar_free(tar);
    set_artifact_close(content);
    return rc < 0 ? -1 : 0;
}

static int cat_member(struct cat *c, struct err *e)
{
    for (int links = 0; links < 2; links++) {
        struct search s = {0};
        int rc = pass(c, &s, e);
        if (rc == 0 && s.seen > 0 && s.link == NULL && !s.written) {
            struct search again = {.wanted = s.seen};
            return pass(c, &again, e);
        }
        if (rc < 0 || s.written) {
            free(s.link);
            return rc;
        }
        if (s.link == NULL)
            break;
        free(c->path);
        c->path = s.link;
    }
    return err_set(e, ERR_NOT_FOUND,
                   "source \"%s\" of %s holds no file \"%s\" (synbakctl ls shows "
                   "what it holds)",
                   c->artifact->source, c->set.prefix, c->path);
}

static int cat_whole(struct cat *c, struct err *e)
{
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    struct set_artifact *content = NULL;
    size_t len = 1;

    int rc = set_artifact_open(&c->set, c->artifact, NULL, &content, e);
    while (rc == 0 && len > 0) {
        rc = set_artifact_read(content, chunk, CHUNK, &len, e);
        if (rc == 0)
            rc = put(c, chunk, len, e);
        worker_progress(c->worker, "read", c->bytes, c->artifact->raw_bytes);
    }
    set_artifact_close(content);
    return rc;
}

/* The artifact that is meant, and in c->path the member of it, if any. */
static int choose(struct cat *c, const char *source, const char *path, struct err *e)
{
    const struct manifest *m = &c->set.manifest;
    size_t found = 0;

    if (source != NULL && set_reader_check_source(m, source, e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        _cleanup_free_ char *name = set_reader_file_name(a);
        bool is_tree = manifest_artifact_is_tree(a);
        if ((source != NULL && !str_equal(a->source, source)) ||
            (path != NULL && !is_tree && !str_equal(name, path)))
            continue;
        found++;
        c->artifact = a;
    }
    if (found > 1)
        return err_set(e, ERR_USAGE,
                       "set %s holds %zu things that may be meant: name source and "
                       "path (synbakctl ls shows them)",
                       c->set.prefix, found);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "set %s holds no \"%s\" (synbakctl ls shows what it holds)", c->set.prefix,
                       path != NULL ? path : "");
    if (path != NULL && manifest_artifact_is_tree(c->artifact))
        return tree_path_clean(path, "path", &c->path, e);
    return 0;
}

int verb_cat(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct cat c = {.worker = w};

    if (set_reader_open(w, job, &c.set, e) < 0)
        return -1;
    int rc =
        choose(&c, json_opt_string(job, "source", NULL), json_opt_string(job, "path", NULL), e);
    if (rc == 0)
        rc = c.path != NULL ? cat_member(&c, e) : cat_whole(&c, e);
    if (rc == 0)
        *ret_result = json_pack("{s:I}", "bytes", (json_int_t)c.bytes);
    free(c.path);
    set_reader_close(&c.set);
    return rc;
}
