/* add_tree.c — trees: the visitor that makes entries and chunks of what is told. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

/* "./" is the root and folders end in '/': lists have neither. */
static int list_path(struct buf *out, const char *path, struct err *e)
{
    size_t len = strlen(path);

    if (strncmp(path, "./", 2) == 0) {
        path += 2;
        len -= 2;
    }
    if (len > 0 && path[len - 1] == '/')
        len--;
    buf_clear(out);
    return buf_append(out, path, len, e);
}

/* --- what is known --- */

static void remember(struct add_tree *t, const struct chunk_ref *refs, size_t count)
{
    if (t->ref_count + count > t->ref_cap) {
        t->ref_cap = (t->ref_count + count) * 2;
        t->refs = mem_resize_array(t->refs, t->ref_cap, sizeof(*t->refs));
    }
    if (count > 0)
        memcpy(t->refs + t->ref_count, refs, count * sizeof(*refs));
    t->ref_count += count;
}

/* All its references. */
static int gather(struct add_tree *t, const struct list_entry *x, struct err *e)
{
    const struct chunk_ref *more;
    size_t count;
    int rc = x->ref_count == LIST_REFS_MAX && t->caller.more != NULL ? 0 : 1;

    remember(t, x->refs, x->ref_count);
    while (rc == 0 && (rc = t->caller.more(t->caller.arg, &more, &count, e)) == 0)
        remember(t, more, count);
    return rc < 0 ? -1 : 0;
}

/* 0: in the index, or on its way there. */
static int find_chunk(struct adder *a, const struct chunk_id *id, struct err *e)
{
    (void)pthread_mutex_lock(&a->lock);
    bool pending = add_ids_has(&a->pending, id);
    (void)pthread_mutex_unlock(&a->lock);
    return pending ? 0 : add_lookup(a, id, e);
}

static char type_of(mode_t mode)
{
    return S_ISREG(mode)    ? 'f'
           : S_ISDIR(mode)  ? 'd'
           : S_ISLNK(mode)  ? 'l'
           : S_ISFIFO(mode) ? 'p'
           : S_ISCHR(mode)  ? 'c'
                            : 'b';
}

static int known(void *arg, const char *path, const struct stat *st, struct err *e)
{
    struct adder *a = arg;
    struct add_tree *t = &a->tree;
    const struct list_entry *x;
    int rc = 0;

    t->ref_count = 0;
    t->same = false;
    if (t->caller.find == NULL)
        return 0;
    if (list_path(&t->path, path, e) < 0 ||
        (rc = t->caller.find(t->caller.arg, (const char *)t->path.data, st, &x, &t->same, e)) < 0)
        return -1;
    if (rc == 1 || x->type != type_of(st->st_mode)) {
        t->same = false;
        return 0;
    }
    t->found = *x;
    if (gather(t, x, e) < 0)
        return -1;
    t->same = t->same && (x->type != 'f' || x->size == (uint64_t)st->st_size);
    for (size_t i = 0; t->same && i < t->ref_count; i++) {
        if ((rc = find_chunk(a, &t->refs[i].id, e)) < 0)
            return -1;
        t->same = rc == 0;
    }
    return t->same;
}

/* --- entries --- */

static const char *or_empty(const char *s)
{
    return s == NULL ? "" : s;
}

static void fill_entry(struct add_tree *t, const struct tree_member *m, struct list_entry *x)
{
    const struct stat *st = &m->st;

    *x = (struct list_entry){
        .path = (const char *)t->path.data,
        .type = m->hard ? 'h' : type_of(st->st_mode),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .user = or_empty(tree_ids_user_name(&t->ids, st->st_uid)),
        .group = or_empty(tree_ids_group_name(&t->ids, st->st_gid)),
        .mtime_s = st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_s = st->st_ctim.tv_sec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
        .device = st->st_dev == t->root ? 0 : st->st_dev,
        .inode = st->st_ino,
        .link = or_empty(m->link),
    };
    if (x->type == 'f')
        x->size = (uint64_t)st->st_size;
    if (x->type == 'c' || x->type == 'b')
        x->rdev = (uint64_t)major(st->st_rdev) << 32 | minor(st->st_rdev);
}

static int put_member(struct adder *a, const struct tree_member *m, struct err *e)
{
    struct add_tree *t = &a->tree;
    size_t attribute_count = m->attrs == NULL ? 0 : m->attrs->count;
    _cleanup_free_ struct list_attribute *attributes =
        mem_alloc(attribute_count * sizeof(*attributes));
    _cleanup_free_ struct list_extent *extents = mem_alloc(m->extent_count * sizeof(*extents));
    struct list_entry x;

    if (list_path(&t->path, m->path, e) < 0)
        return -1;
    fill_entry(t, m, &x);
    for (size_t i = 0; i < attribute_count; i++) {
        const struct tree_attr *from = &m->attrs->items[i];
        attributes[i] = (struct list_attribute){from->name, from->value, from->len};
    }
    for (size_t i = 0; i < m->extent_count; i++)
        extents[i] = (struct list_extent){m->extents[i].offset, m->extents[i].length};
    x.attributes = attributes;
    x.attribute_count = attribute_count;
    x.extents = extents;
    x.extent_count = m->extent_count;
    return add_list_entry(a, &x, false, e);
}

static int member(void *arg, const struct tree_member *m, struct err *e)
{
    struct adder *a = arg;
    struct add_tree *t = &a->tree;
    bool content = S_ISREG(m->st.st_mode) && !m->hard && !m->known;

    if (a->content.left > 0)
        return err_set(e, ERR_INTERNAL, "content is missing before %s", m->path);
    if (!t->began) {
        t->began = true;
        t->root = m->st.st_dev;
    }
    if (add_list_pump(a, e) < 0)
        return -1;
    if (m->known && t->same) {
        t->found.refs = t->refs;
        t->found.ref_count = t->ref_count;
        return add_list_entry(a, &t->found, true, e);
    }
    if (m->known)
        return err_set(e, ERR_INTERNAL, "%s is not known", m->path);
    if (m->again)
        add_list_withdraw(a);
    a->content.left = content ? (uint64_t)m->st.st_size : 0;
    a->content.number = 0;
    a->content.cut = m->st.st_size <= CHUNK_MAX ? CHUNK_MAX : ADD_CUT;
    return put_member(a, m, e);
}

/* --- content --- */

static int hand_over(struct adder *a, struct err *e)
{
    struct add_content *c = &a->content;
    const struct add_tree *t = &a->tree;
    struct add_wish how = {.kind = CHUNK_DATA};
    size_t len = c->block->used - c->begin;

    if (c->number < t->ref_count)
        how.predecessor = &t->refs[c->number].id;
    c->number++;
    c->left -= len;
    add_list_expect(a);
    return add_submit(a, c->block, c->block->data + c->begin, len, &how, e);
}

/* The chunk at hand: from `begin` in its block, `whole` bytes in the end. */
static int data(void *arg, const void *data, size_t len, struct err *e)
{
    struct adder *a = arg;
    struct add_content *c = &a->content;
    const uint8_t *from = data;

    if (len > c->left - c->filled)
        return err_set(e, ERR_INTERNAL, "more content than a file has");
    while (len > 0) {
        size_t whole = c->left < c->cut ? (size_t)c->left : c->cut;
        if (c->filled == 0) {
            if (add_block_reserve(a, &c->block, whole, e) < 0)
                return -1;
            c->begin = c->block->used;
        }
        size_t n = len < whole - c->filled ? len : whole - c->filled;
        memcpy(c->block->data + c->block->used, from, n);
        c->block->used += n;
        c->filled += n;
        from += n;
        len -= n;
        if (c->filled < whole)
            continue;
        c->filled = 0;
        if (hand_over(a, e) < 0)
            return -1;
    }
    return 0;
}

/* --- what only passes --- */

static int progress(void *arg, const char *path, uint64_t total_bytes, struct err *e)
{
    const struct adder_tree *t = &((struct adder *)arg)->tree.caller;

    return t->progress == NULL ? 0 : t->progress(t->arg, path, total_bytes, e);
}

static void problem(void *arg, const char *text)
{
    const struct adder_tree *t = &((struct adder *)arg)->tree.caller;

    if (t->problem != NULL)
        t->problem(t->arg, text);
}

static void note(void *arg, const char *text)
{
    const struct adder_tree *t = &((struct adder *)arg)->tree.caller;

    if (t->note != NULL)
        t->note(t->arg, text);
}

int adder_tree_begin(struct adder *a, const struct adder_tree *t, int previous, int copy,
                     struct tree_visitor *ret, struct err *e)
{
    add_tree_deinit(a);
    a->tree.caller = *t;
    a->tree.path = BUF_INIT(LIST_PATH_MAX);
    *ret = (struct tree_visitor){.arg = a,
                                 .known = known,
                                 .member = member,
                                 .data = data,
                                 .progress = progress,
                                 .problem = problem,
                                 .note = note};
    return add_list_begin(a, true, previous, copy, e);
}

int add_tree_end(struct adder *a, struct err *e)
{
    if (a->content.left > 0)
        return err_set(e, ERR_INTERNAL, "content is missing at the end of a tree");
    add_block_drop(a, &a->content.block);
    return 0;
}

void add_tree_deinit(struct adder *a)
{
    free(a->tree.refs);
    buf_deinit(&a->tree.path);
    a->tree = (struct add_tree){0};
    a->content.left = 0;
    a->content.filled = 0;
}
