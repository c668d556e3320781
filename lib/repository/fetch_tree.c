/* fetch_tree.c — the happy path is: the list is read ahead of the tar stream, as far as its chunks are
 * fetched ahead; entries wait in a queue until their content's turn has come.
 *
 * Where only some paths are wanted, a later name of a file may be among them and the file itself not:
 * then the first such name becomes the file, in its place in the list.
 *
 * Where something is present at the target already, a file's references are gathered before it is decided what
 * becomes of it; chunks that are found there are handed out in between those that are fetched. */
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"
#include "lib/tree/tree_tar.h"

enum {
    BUDGET = 24 << 20,
    STEPS_MAX = 4096,
    STEP_BYTES_MAX = 2 << 20,
    SLICE = 256 << 10 /* of content, for each step: the stream grows by little more */
};

struct step { /* an entry on its way; what it points to lies behind it */
    struct list_entry x;
    bool hole; /* nothing of its content follows */
    size_t bytes;
    struct step *next;
};

struct stand_in {        /* the name that becomes the file */
    char *target, *path; /* owned */
};

struct fetch_tree {
    struct fetcher *fetcher;
    struct strlist only;        /* no entries: everything */
    bool *found;                /* owned; of each of `only` */
    struct stand_in *stand_ins; /* owned; sorted by target */
    size_t stand_in_count;

    struct list_reader *reader;
    struct fetch_ahead *ahead;
    const struct chunk_ref *refs; /* of the record that was read last, as far as they are wanted */
    size_t ref_count;
    bool wanted, list_ended;
    struct step *first, *last; /* owned */
    size_t steps, step_bytes;

    const struct fetch_present *present; /* borrowed; NULL: nothing */
    struct fetch_local *local;           /* owned; of it */
    struct chunk_ref *gathered;          /* owned; of one file */
    size_t gathered_count, gathered_room;
    bool in_parts;           /* `refs` are those of a file that may be present in parts */
    uint64_t asked, fetched; /* chunks asked of the store, and handed out */

    struct tree_tar *tar;
    struct buf *out;  /* of the step under way */
    uint64_t missing; /* content of the current entry */
    const uint8_t *data;
    size_t data_len;
    bool finished;
};

static bool lies_in(const char *path, const char *wanted)
{
    size_t len = strlen(wanted);

    return len == 0 || (strncmp(path, wanted, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static bool is_wanted(struct fetch_tree *t, const char *path)
{
    bool wanted = t->only.count == 0;

    for (size_t i = 0; i < t->only.count; i++)
        if (lies_in(path, t->only.items[i])) {
            t->found[i] = true;
            wanted = true;
        }
    return wanted;
}

static int stand_in_compare(const void *a, const void *b)
{
    return strcmp(((const struct stand_in *)a)->target, ((const struct stand_in *)b)->target);
}

static const char *stand_in_for(const struct fetch_tree *t, const char *target)
{
    struct stand_in key = {.target = (char *)(uintptr_t)target}, *found = NULL;

    if (t->stand_in_count > 0)
        found = bsearch(&key, t->stand_ins, t->stand_in_count, sizeof(key), stand_in_compare);
    return found == NULL ? NULL : found->path;
}

/* The first of each target, since they come in the order of paths: a stable choice. */
static void settle_stand_ins(struct fetch_tree *t)
{
    size_t kept = 0;

    if (t->stand_in_count == 0)
        return;
    qsort(t->stand_ins, t->stand_in_count, sizeof(*t->stand_ins), stand_in_compare);
    for (size_t i = 0; i < t->stand_in_count; i++) {
        struct stand_in *last = kept > 0 ? &t->stand_ins[kept - 1] : NULL, *x = &t->stand_ins[i];
        if (last == NULL || strcmp(last->target, x->target) != 0) {
            t->stand_ins[kept++] = *x;
            continue;
        }
        if (list_path_compare(x->path, last->path) < 0) {
            char *path = last->path;
            last->path = x->path;
            x->path = path;
        }
        free(x->target);
        free(x->path);
    }
    t->stand_in_count = kept;
}

/* Which names that are wanted belong to files that are not. */
static int find_stand_ins(struct fetch_tree *t, const struct chunk_ref *list, size_t count,
                          struct err *e)
{
    struct list_reader *reader;
    struct list_record r;
    int rc;

    if (list_reader_open(t->fetcher, list, count, &reader, e) < 0)
        return -1;
    while ((rc = list_reader_next(reader, &r, e)) == 0) {
        if (r.type != LIST_ENTRY || !is_wanted(t, r.entry.path) || r.entry.type != 'h' ||
            is_wanted(t, r.entry.link))
            continue;
        t->stand_ins = mem_resize_array(t->stand_ins, t->stand_in_count + 1, sizeof(*t->stand_ins));
        t->stand_ins[t->stand_in_count++] =
            (struct stand_in){mem_strdup(r.entry.link), mem_strdup(r.entry.path)};
    }
    list_reader_close(reader);
    settle_stand_ins(t);
    for (size_t i = 0; i < t->only.count && rc == 1; i++)
        if (!t->found[i])
            return err_set(e, ERR_NOT_FOUND, "\"%s\" is not in this tree", t->only.items[i]);
    return rc < 0 ? -1 : 0;
}

static size_t text_room(const char *s)
{
    return strlen(s) + 1;
}

static const char *keep_text(uint8_t **at, const char *s)
{
    size_t len = text_room(s);
    char *copy = memcpy(*at, s, len);

    *at += len;
    return copy;
}

/* An entry copied in one piece, without its references. */
static struct step *step_new(const struct list_entry *x, const char *path, const char *link)
{
    size_t fixed =
        x->extent_count * sizeof(*x->extents) + x->attribute_count * sizeof(struct list_attribute);
    size_t bytes = sizeof(struct step) + fixed + text_room(path) + text_room(link) +
                   text_room(x->user) + text_room(x->group);

    for (size_t i = 0; i < x->attribute_count; i++)
        bytes += text_room(x->attributes[i].name) + x->attributes[i].value_len;
    struct step *s = mem_alloc(bytes);
    struct list_extent *extents = (struct list_extent *)(s + 1);
    struct list_attribute *attributes = (struct list_attribute *)(extents + x->extent_count);
    uint8_t *at = (uint8_t *)(attributes + x->attribute_count);

    s->bytes = bytes;
    s->x = *x;
    s->x.refs = NULL;
    if (x->extent_count > 0)
        memcpy(extents, x->extents, x->extent_count * sizeof(*extents));
    s->x.extents = extents;
    s->x.attributes = attributes;
    s->x.path = keep_text(&at, path);
    s->x.link = keep_text(&at, link);
    s->x.user = keep_text(&at, x->user);
    s->x.group = keep_text(&at, x->group);
    for (size_t i = 0; i < x->attribute_count; i++) {
        attributes[i] = x->attributes[i];
        attributes[i].name = keep_text(&at, x->attributes[i].name);
        attributes[i].value = at;
        if (x->attributes[i].value_len > 0)
            memcpy(at, x->attributes[i].value, x->attributes[i].value_len);
        at += x->attributes[i].value_len;
    }
    return s;
}

static void push_step(struct fetch_tree *t, struct step *s)
{
    if (t->last != NULL)
        t->last->next = s;
    else
        t->first = s;
    t->last = s;
    t->steps++;
    t->step_bytes += s->bytes;
}

static void push(struct fetch_tree *t, const struct list_entry *x, const char *path,
                 const char *link)
{
    push_step(t, step_new(x, path, link));
    t->refs = x->refs;
    t->ref_count = x->ref_count;
    t->wanted = true;
}

static void gather(struct fetch_tree *t, const struct chunk_ref *refs, size_t count,
                   uint64_t *bytes)
{
    if (t->gathered_room - t->gathered_count < count) {
        t->gathered_room = 2 * t->gathered_room + count;
        t->gathered = mem_resize_array(t->gathered, t->gathered_room, sizeof(*t->gathered));
    }
    for (size_t i = 0; i < count; i++) {
        t->gathered[t->gathered_count++] = refs[i];
        *bytes += refs[i].length;
    }
}

static int gather_all(struct fetch_tree *t, const struct list_entry *x, uint64_t size,
                      struct err *e)
{
    struct list_record r;
    uint64_t bytes = 0;

    t->gathered_count = 0;
    gather(t, x->refs, x->ref_count, &bytes);
    while (bytes < size) {
        int rc = list_reader_next(t->reader, &r, e);
        if (rc < 0)
            return -1;
        if (rc == 1 || r.type != LIST_CONTENT)
            return err_set(e, ERR_INTERNAL, "content of a file ends early");
        gather(t, r.refs, r.ref_count, &bytes);
    }
    return 0;
}

/* A file where something is present already. The entry is gone once its content is gathered. */
static int take_file(struct fetch_tree *t, const struct list_entry *x, struct err *e)
{
    static const struct list_extent nothing_but_a_hole = {0, 0};
    struct step *s = step_new(x, x->path, x->link);
    enum fetch_verdict verdict;

    if (gather_all(t, x, s->x.size, e) < 0 ||
        fetch_local_judge(t->local, &s->x, t->gathered, t->gathered_count, &verdict, e) < 0) {
        free(s);
        return -1;
    }
    if (verdict == FETCH_LEAVE) {
        free(s);
        return 0;
    }
    if (verdict == FETCH_TAKE) {
        s->hole = true;
        s->x.extents = &nothing_but_a_hole;
        s->x.extent_count = 1;
    } else {
        t->refs = t->gathered;
        t->ref_count = t->gathered_count;
        t->in_parts = true;
    }
    push_step(t, s);
    return 0;
}

static int take_entry(struct fetch_tree *t, const struct list_entry *x, struct err *e)
{
    bool wanted = is_wanted(t, x->path);
    const char *instead;

    t->wanted = t->in_parts = false;
    if (t->local != NULL && x->type == 'f')
        return take_file(t, x, e);
    if (t->local != NULL && x->type == 'h' && t->present->link_stays(t->present->arg, x))
        return 0;
    if (wanted && x->type == 'h' && (instead = stand_in_for(t, x->link)) != NULL) {
        if (strcmp(instead, x->path) != 0)
            push(t, x, x->path, instead);
    } else if (wanted) {
        push(t, x, x->path, x->link);
    } else if (x->type == 'f' && (instead = stand_in_for(t, x->path)) != NULL) {
        push(t, x, instead, "");
    }
    return 0;
}

/* The next reference of what is wanted, the list read as far as need be; as fetch_next_cb. */
static int next_ref(struct fetch_tree *t, struct chunk_ref *ret, struct err *e)
{
    struct list_record r;

    while (t->ref_count == 0) {
        if (t->list_ended)
            return 1;
        if (t->steps >= STEPS_MAX || t->step_bytes >= STEP_BYTES_MAX)
            return 2;
        int rc = list_reader_next(t->reader, &r, e);
        if (rc < 0)
            return -1;
        t->list_ended = rc == 1;
        if (rc == 0 && r.type == LIST_ENTRY && take_entry(t, &r.entry, e) < 0)
            return -1;
        if (rc == 0 && r.type == LIST_CONTENT && t->wanted) {
            t->refs = r.refs;
            t->ref_count = r.ref_count;
        }
    }
    *ret = *t->refs++;
    t->ref_count--;
    return 0;
}

/* For fetch_ahead: what is present is not asked for. */
static int next_chunk(void *arg, struct chunk_ref *ret, struct err *e)
{
    struct fetch_tree *t = arg;
    int rc;

    do {
        if (t->local != NULL && fetch_local_is_full(t->local))
            return 2;
        if ((rc = next_ref(t, ret, e)) != 0)
            return rc;
        rc = t->in_parts ? fetch_local_find(t->local, ret, t->asked, e) : 1;
    } while (rc == 0);
    t->asked++;
    return rc < 0 ? -1 : 0;
}

static int to_out(void *arg, const void *data, size_t len, struct err *e)
{
    return buf_append(((struct fetch_tree *)arg)->out, data, len, e);
}

static mode_t type_bits(char type)
{
    switch (type) {
    case 'd':
        return S_IFDIR;
    case 'l':
        return S_IFLNK;
    case 'p':
        return S_IFIFO;
    case 'c':
        return S_IFCHR;
    case 'b':
        return S_IFBLK;
    default:
        return S_IFREG;
    }
}

static int write_member(struct fetch_tree *t, const struct list_entry *x, struct err *e)
{
    _cleanup_free_ char *path = x->type == 'd'
                                    ? mem_printf("%s/", x->path[0] == '\0' ? "." : x->path)
                                    : mem_strdup(x->path);
    _cleanup_free_ struct tree_attr *attrs = mem_alloc(x->attribute_count * sizeof(*attrs));
    _cleanup_free_ struct tree_extent *extents = mem_alloc(x->extent_count * sizeof(*extents));
    struct tree_attrs all = {.items = attrs, .count = x->attribute_count};
    struct tree_member m = {
        .path = path,
        .link = x->link[0] == '\0' ? NULL : x->link,
        .hard = x->type == 'h',
        .attrs = &all,
        .extents = x->extent_count > 0 ? extents : NULL,
        .extent_count = x->extent_count,
        .user = x->user,
        .group = x->group,
        .st = {.st_mode = type_bits(x->type) | (mode_t)x->mode,
               .st_uid = (uid_t)x->uid,
               .st_gid = (gid_t)x->gid,
               .st_size = (off_t)x->size,
               .st_mtim = {.tv_sec = x->mtime_s, .tv_nsec = x->mtime_ns},
               .st_rdev = makedev((unsigned)(x->rdev >> 32), (unsigned)x->rdev)},
    };

    for (size_t i = 0; i < x->attribute_count; i++)
        attrs[i] = (struct tree_attr){x->attributes[i].name, x->attributes[i].value,
                                      x->attributes[i].value_len};
    for (size_t i = 0; i < x->extent_count; i++)
        extents[i] = (struct tree_extent){x->extents[i].offset, x->extents[i].length};
    return tree_tar_member(t->tar, &m, e);
}

static int next_member(struct fetch_tree *t, struct err *e)
{
    struct step *s;

    if (t->first == NULL && fetch_ahead_fill(t->ahead, e) < 0)
        return -1;
    s = t->first;
    if (s == NULL) {
        t->finished = true;
        return t->list_ended ? tree_tar_finish(t->tar, e)
                             : err_set(e, ERR_INTERNAL, "the list is not read to its end");
    }
    t->first = s->next;
    if (t->first == NULL)
        t->last = NULL;
    t->steps--;
    t->step_bytes -= s->bytes;
    t->missing = s->hole ? 0 : s->x.size;
    int rc = write_member(t, &s->x, e);
    if (rc == 0 && s->hole) /* its map of holes goes out with the first byte, which is in one */
        rc = tree_tar_data(t->tar, "", 1, e);
    free(s);
    return rc;
}

/* 1: there is none. */
static int next_data(struct fetch_tree *t, struct err *e)
{
    for (int tries = 0; t->local != NULL && t->fetched == t->asked; tries++) {
        if (fetch_local_next(t->local, t->fetched, &t->data, &t->data_len))
            return 0;
        if (tries == 1)
            return 1;
        if (fetch_ahead_fill(t->ahead, e) < 0)
            return -1;
    }
    if (t->local != NULL && fetch_local_next(t->local, t->fetched, &t->data, &t->data_len))
        return 0;
    t->fetched++;
    return fetch_ahead_next(t->ahead, &t->data, &t->data_len, e);
}

static int write_content(struct fetch_tree *t, uint64_t *done, struct err *e)
{
    int rc = t->data_len == 0 ? next_data(t, e) : 0;
    size_t n = t->data_len < SLICE ? t->data_len : SLICE;

    if (rc != 0)
        return rc < 0 ? -1 : err_set(e, ERR_INTERNAL, "content that was not asked for");
    if (n > t->missing)
        return err_set(e, ERR_INTERNAL, "content of another entry");
    if (tree_tar_data(t->tar, t->data, n, e) < 0)
        return -1;
    t->data += n;
    t->data_len -= n;
    t->missing -= n;
    *done += n;
    return 0;
}

int fetch_tree_step(struct fetch_tree *t, struct buf *out, uint64_t *done, struct err *e)
{
    int rc = 0;

    t->out = out;
    while (rc == 0 && out->len == 0 && !t->finished)
        rc = t->missing > 0 ? write_content(t, done, e) : next_member(t, e);
    return rc;
}

int fetch_tree_open(struct fetcher *f, const struct chunk_ref *list, size_t count,
                    const struct strlist *only, struct fetch_tree **ret, struct err *e)
{
    struct fetch_tree *t = mem_alloc(sizeof(*t));
    int parallel = store_get_parallel(f->repository->store);
    int threads = parallel > f->threads ? parallel : f->threads;
    int rc = 0;

    t->fetcher = f;
    for (size_t i = 0; only != NULL && i < only->count; i++)
        strlist_add(&t->only, only->items[i]);
    t->found = mem_alloc(t->only.count * sizeof(*t->found));
    if (t->only.count > 0)
        rc = find_stand_ins(t, list, count, e);
    if (rc == 0)
        rc = list_reader_open(f, list, count, &t->reader, e);
    if (rc == 0)
        rc = tree_tar_open(&t->tar, to_out, t, e);
    if (rc < 0) {
        fetch_tree_close(t);
        return -1;
    }
    t->ahead = fetch_ahead_new(f, CHUNK_DATA, threads, BUDGET, next_chunk, t);
    *ret = t;
    return 0;
}

void fetch_tree_use(struct fetch_tree *t, const struct fetch_present *p)
{
    t->present = p;
    t->local = fetch_local_new(t->fetcher, p);
}

uint64_t fetch_tree_present(const struct fetch_tree *t)
{
    return t->local == NULL ? 0 : fetch_local_bytes(t->local);
}

void fetch_tree_close(struct fetch_tree *t)
{
    if (t == NULL)
        return;
    fetch_ahead_free(t->ahead);
    list_reader_close(t->reader);
    tree_tar_free(t->tar);
    while (t->first != NULL) {
        struct step *s = t->first;
        t->first = s->next;
        free(s);
    }
    for (size_t i = 0; i < t->stand_in_count; i++) {
        free(t->stand_ins[i].target);
        free(t->stand_ins[i].path);
    }
    fetch_local_free(t->local);
    free(t->gathered);
    free(t->stand_ins);
    free(t->found);
    strlist_deinit(&t->only);
    free(t);
}
