/* diff.c — the diff verb: what one set of a repository has that another has not. Lists are compared with
 * lists, no content is read.
 *
 * The happy path is: open both manifests, pair their artifacts by source and file name, walk two trees side by
 * side in the order of their paths, compare streams by their chunks. Failure modes: a plain set
 * (ERR_REFUSED); a set that is gone; more differences than fit into one message, which are counted. */
#include <string.h>

#include "daemon/worker/set_reader.h"
#include "daemon/worker/worker.h"
#include "lib/base/mem.h"

enum { CHANGES_MAX = 50000, TEXT_MAX = 8 << 20 };

struct diff {
    struct worker *worker;
    struct set_reader from; /* the older, or whichever is named first */
    struct manifest to;
    const char *source; /* only this one, or NULL */
    json_t *changes;
    size_t text;
    uint64_t left_out, added, removed, changed;
};

struct item { /* an entry, as far as it is compared; strings owned */
    char *path, *link;
    char type;
    uint32_t mode;
    uint64_t uid, gid, size, rdev;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint64_t content, attributes; /* folded */
};

struct side {
    struct list_reader *reader;
    struct item now, next; /* path NULL: none */
};

/* Ids are keyed digests, which nobody chooses: a short sum of them tells contents apart. */
static uint64_t fold(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211U;
    return sum;
}

static uint64_t fold_refs(uint64_t sum, const struct chunk_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum = fold(sum, refs[i].id.bytes, sizeof(refs[i].id.bytes));
    return sum;
}

static void item_deinit(struct item *i)
{
    free(i->path);
    free(i->link);
    *i = (struct item){0};
}

static struct item item_of(const struct list_entry *x)
{
    struct item i = {.path = mem_strdup(x->path),
                     .link = mem_strdup(x->link),
                     .type = x->type,
                     .mode = x->mode,
                     .uid = x->uid,
                     .gid = x->gid,
                     .size = x->size,
                     .rdev = x->rdev,
                     .mtime_s = x->mtime_s,
                     .mtime_ns = x->mtime_ns,
                     .content = fold_refs(0, x->refs, x->ref_count)};

    for (size_t k = 0; k < x->attribute_count; k++) {
        i.attributes = fold(i.attributes, x->attributes[k].name, strlen(x->attributes[k].name) + 1);
        i.attributes = fold(i.attributes, x->attributes[k].value, x->attributes[k].value_len);
    }
    return i;
}

/* The next entry with all of its content becomes s->now; its path is NULL at the end. */
static int advance(struct side *s, struct err *e)
{
    struct list_record r;
    int rc = 0;

    item_deinit(&s->now);
    s->now = s->next;
    s->next = (struct item){0};
    while (s->reader != NULL && (rc = list_reader_next(s->reader, &r, e)) == 0) {
        if (r.type == LIST_CONTENT)
            s->now.content = fold_refs(s->now.content, r.refs, r.ref_count);
        if (r.type != LIST_ENTRY)
            continue;
        s->next = item_of(&r.entry);
        if (s->now.path != NULL)
            return 0;
        s->now = s->next;
        s->next = (struct item){0};
    }
    if (rc == 1) {
        list_reader_close(s->reader);
        s->reader = NULL;
    }
    return rc < 0 ? -1 : 0;
}

struct change {
    const char *source, *path, *what, *type;
    bool was_there, is_there;
    uint64_t was, size;
};

static void tell(struct diff *d, const struct change *c)
{
    d->added += !c->was_there;
    d->removed += !c->is_there;
    d->changed += c->was_there && c->is_there;
    d->text += strlen(c->path);
    if (json_array_size(d->changes) >= CHANGES_MAX || d->text > TEXT_MAX) {
        d->left_out++;
        return;
    }
    (void)json_array_append_new(
        d->changes, json_pack("{s:s,s:o,s:s,s:s,s:o,s:o}", "source", c->source, "path",
                              json_printable(c->path), "change", c->what, "type", c->type, "size",
                              c->is_there ? json_integer((json_int_t)c->size) : json_null(), "was",
                              c->was_there ? json_integer((json_int_t)c->was) : json_null()));
}

/* NULL: the same. Times of folders change with what is in them. */
static const char *compare(const struct item *a, const struct item *b)
{
    if (a->type != b->type || a->size != b->size || a->content != b->content ||
        a->rdev != b->rdev || strcmp(a->link, b->link) != 0)
        return "changed";
    if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
        a->attributes != b->attributes ||
        (a->type == 'f' && (a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns)))
        return "attributes";
    return NULL;
}

static void tell_items(struct diff *d, const char *source, const struct item *a,
                       const struct item *b)
{
    const struct item *shown = b != NULL ? b : a;
    const char *what = a == NULL ? "added" : b == NULL ? "removed" : compare(a, b);

    if (what != NULL)
        tell(d, &(struct change){.source = source,
                                 .path = shown->path,
                                 .what = what,
                                 .type = list_type_word(shown->type),
                                 .was_there = a != NULL,
                                 .is_there = b != NULL,
                                 .was = a != NULL ? a->size : 0,
                                 .size = b != NULL ? b->size : 0});
}

static int walk(struct diff *d, const char *source, struct side *a, struct side *b, struct err *e)
{
    uint64_t done = 0;

    if (advance(a, e) < 0 || advance(b, e) < 0)
        return -1;
    while (a->now.path != NULL || b->now.path != NULL) {
        const int order = a->now.path == NULL   ? 1
                          : b->now.path == NULL ? -1
                                                : list_path_compare(a->now.path, b->now.path);
        if (worker_cancelled(d->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(d->worker, "compare", ++done, 0);
        tell_items(d, source, order <= 0 ? &a->now : NULL, order >= 0 ? &b->now : NULL);
        if ((order <= 0 && advance(a, e) < 0) || (order >= 0 && advance(b, e) < 0))
            return -1;
    }
    return 0;
}

static int open_side(struct diff *d, const struct manifest_artifact *a, struct side *ret,
                     struct err *e)
{
    _cleanup_free_ struct chunk_ref *list = NULL;

    if (a == NULL)
        return 0;
    if (repo_list_parse(&a->list, &list, e) < 0)
        return -1;
    return list_reader_open(d->from.repo.fetcher, list, a->list.count, &ret->reader, e);
}

static void side_deinit(struct side *s)
{
    list_reader_close(s->reader);
    item_deinit(&s->now);
    item_deinit(&s->next);
}

static bool same_list(const struct manifest_artifact *a, const struct manifest_artifact *b)
{
    if (a == NULL || b == NULL || a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (strcmp(a->list.items[i], b->list.items[i]) != 0)
            return false;
    return true;
}

static int compare_artifacts(struct diff *d, const struct manifest_artifact *a,
                             const struct manifest_artifact *b, struct err *e)
{
    const struct manifest_artifact *shown = b != NULL ? b : a;

    if (same_list(a, b))
        return 0;
    if (!manifest_artifact_is_tree(shown)) {
        _cleanup_free_ char *name = set_reader_file_name(shown);
        tell(d, &(struct change){.source = shown->source,
                                 .path = name,
                                 .what = a == NULL   ? "added"
                                         : b == NULL ? "removed"
                                                     : "changed",
                                 .type = shown->kind,
                                 .was_there = a != NULL,
                                 .is_there = b != NULL,
                                 .was = a != NULL ? a->raw_bytes : 0,
                                 .size = b != NULL ? b->raw_bytes : 0});
        return 0;
    }
    struct side one = {0}, other = {0};
    int rc = open_side(d, a, &one, e);
    if (rc == 0)
        rc = open_side(d, b, &other, e);
    if (rc == 0)
        rc = walk(d, shown->source, &one, &other, e);
    side_deinit(&one);
    side_deinit(&other);
    return rc < 0 ? err_wrap(e, "source \"%s\"", shown->source) : 0;
}

/* NULL: the set has none such. */
static const struct manifest_artifact *find_like(const struct manifest *m,
                                                 const struct manifest_artifact *a)
{
    _cleanup_free_ char *name = set_reader_file_name(a);

    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *x = &m->artifacts[i];
        _cleanup_free_ char *other = set_reader_file_name(x);
        if (str_equal(x->source, a->source) && str_equal(name, other) &&
            manifest_artifact_is_tree(x) == manifest_artifact_is_tree(a))
            return x;
    }
    return NULL;
}

static int compare_sets(struct diff *d, struct err *e)
{
    const struct manifest *from = &d->from.manifest, *to = &d->to;

    for (size_t i = 0; i < from->artifact_count; i++) {
        const struct manifest_artifact *a = &from->artifacts[i];
        if ((d->source == NULL || str_equal(a->source, d->source)) &&
            compare_artifacts(d, a, find_like(to, a), e) < 0)
            return -1;
    }
    for (size_t i = 0; i < to->artifact_count; i++) {
        const struct manifest_artifact *b = &to->artifacts[i];
        if ((d->source == NULL || str_equal(b->source, d->source)) && find_like(from, b) == NULL &&
            compare_artifacts(d, NULL, b, e) < 0)
            return -1;
    }
    return 0;
}

static int read_other(struct diff *d, const char *other, struct err *e)
{
    const char *slash = strchr(other, '/');
    struct repository_set set;

    if (!d->from.from.repository)
        return err_set(e, ERR_REFUSED,
                       "%s has the plain format: diff compares sets of a repository, whose lists "
                       "lie apart from their content",
                       store_place(d->from.from.store));
    if (slash == NULL)
        return err_set(e, ERR_FORMAT, "\"other\" is not JOB/ID");
    _cleanup_free_ char *job = mem_strndup(other, (size_t)(slash - other));
    if (repository_find_set(d->from.repo.repository, job, slash + 1, &set, e) < 0)
        return -1;
    return repo_manifest(&d->from.repo, &set, &d->to, e);
}

static int check_source(const struct diff *d, struct err *e)
{
    if (d->source == NULL || set_reader_check_source(&d->to, d->source, NULL) == 0)
        return 0;
    return set_reader_check_source(&d->from.manifest, d->source, e);
}

int verb_diff(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct diff d = {.worker = w, .source = json_opt_string(job, "source", NULL)};
    const char *other;

    if (json_get_string(job, "other", &other, e) < 0 || set_reader_open(w, job, &d.from, e) < 0)
        return -1;
    d.changes = json_array();
    int rc = read_other(&d, other, e);
    if (rc == 0)
        rc = check_source(&d, e);
    if (rc == 0)
        rc = compare_sets(&d, e);
    if (rc == 0)
        *ret_result = json_pack("{s:O,s:I,s:I,s:I,s:I}", "changes", d.changes, "left_out",
                                (json_int_t)d.left_out, "added", (json_int_t)d.added, "removed",
                                (json_int_t)d.removed, "changed", (json_int_t)d.changed);
    json_decref(d.changes);
    manifest_deinit(&d.to);
    set_reader_close(&d.from);
    return rc;
}
