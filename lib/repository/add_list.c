/* add_list.c — the list stream of an artifact, while its content is under way.
 *
 * References come out of the pipeline in the order in which chunks went in: the first entry that still lacks
 * some gets the next. An entry's record is written once it has all of them and the entries before it
 * are written. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

enum { BYTES_MAX = 4 * LIST_RECORD_MAX };

struct add_pending {
    struct add_pending *next;
    struct list_entry entry; /* what it points to is owned */
    struct chunk_ref *refs;
    size_t count, cap, expected;
    bool closed; /* nothing more is expected */
    bool withdrawn;
};

/* --- copies of entries --- */

static struct add_pending *pending_new(const struct list_entry *x)
{
    struct add_pending *p = mem_alloc(sizeof(*p));
    struct list_attribute *attributes = mem_alloc(x->attribute_count * sizeof(*attributes));

    p->entry = *x;
    p->entry.path = mem_strdup(x->path);
    p->entry.user = mem_strdup(x->user);
    p->entry.group = mem_strdup(x->group);
    p->entry.link = mem_strdup(x->link);
    p->entry.extents = mem_copy(x->extents, x->extent_count * sizeof(*x->extents));
    for (size_t i = 0; i < x->attribute_count; i++) {
        const struct list_attribute *from = &x->attributes[i];
        attributes[i] = (struct list_attribute){.name = mem_strdup(from->name),
                                                .value = mem_copy(from->value, from->value_len),
                                                .value_len = from->value_len};
    }
    p->entry.attributes = attributes;
    p->entry.refs = NULL;
    p->entry.ref_count = 0;
    return p;
}

static void free_const(const void *p)
{
    free((void *)(uintptr_t)p);
}

static void pending_free(struct add_pending *p)
{
    for (size_t i = 0; i < p->entry.attribute_count; i++) {
        free_const(p->entry.attributes[i].name);
        free_const(p->entry.attributes[i].value);
    }
    free_const(p->entry.attributes);
    free_const(p->entry.extents);
    free_const(p->entry.link);
    free_const(p->entry.group);
    free_const(p->entry.user);
    free_const(p->entry.path);
    free(p->refs);
    free(p);
}

static void append_ref(struct chunk_ref **refs, size_t *count, size_t *cap,
                       const struct chunk_ref *ref)
{
    if (*count == *cap) {
        *cap = *cap == 0 ? 4 : *cap * 2;
        *refs = mem_resize_array(*refs, *cap, sizeof(**refs));
    }
    (*refs)[(*count)++] = *ref;
}

/* --- records --- */

static int put_run(struct add_list *l, struct err *e)
{
    if (l->run_count == 0)
        return 0;
    int rc = list_put_content(&l->bytes, l->run, l->run_count, e);
    l->run_count = 0;
    return rc;
}

/* Records end where an id says so, every 256 references or so: one chunk more or less then moves no
 * record but its own, and the list's chunks stay what they were. */
static int run_add(struct add_list *l, const struct chunk_ref *ref, struct err *e)
{
    l->run[l->run_count++] = *ref;
    return l->run_count == LIST_REFS_MAX || ref->id.bytes[CHUNK_ID_LEN - 1] == 0 ? put_run(l, e)
                                                                                 : 0;
}

static int put_entry(struct add_list *l, const struct list_entry *x, const struct chunk_ref *refs,
                     size_t count, struct err *e)
{
    struct list_entry head = *x;

    head.refs = refs;
    head.ref_count = count < LIST_REFS_MAX ? count : LIST_REFS_MAX;
    if (list_put_entry(&l->bytes, &head, e) < 0)
        return err_wrap(e, "%s", x->path);
    for (size_t i = head.ref_count; i < count; i++)
        if (run_add(l, &refs[i], e) < 0)
            return -1;
    l->entries++;
    if (x->type == 'f')
        l->content += x->size;
    return put_run(l, e);
}

/* Those at the front that are complete. */
static int put_complete(struct add_list *l, struct err *e)
{
    struct add_pending *p;
    int rc = 0;

    while (rc == 0 && (p = l->first) != NULL && p->closed && p->count == p->expected) {
        if (!p->withdrawn)
            rc = put_entry(l, &p->entry, p->refs, p->count, e);
        l->first = p->next;
        if (l->first == NULL)
            l->last = NULL;
        pending_free(p);
    }
    return rc;
}

int add_list_entry(struct adder *a, const struct list_entry *x, bool known, struct err *e)
{
    struct add_list *l = &a->list;
    bool whole = known || x->type != 'f';

    if (l->last != NULL)
        l->last->closed = true;
    if (put_complete(l, e) < 0)
        return -1;
    if (whole && l->first == NULL)
        return put_entry(l, x, x->refs, x->ref_count, e);
    struct add_pending *p = pending_new(x);
    p->closed = whole;
    for (size_t i = 0; known && i < x->ref_count; i++)
        append_ref(&p->refs, &p->count, &p->cap, &x->refs[i]);
    p->expected = p->count;
    *(l->last == NULL ? &l->first : &l->last->next) = p;
    l->last = p;
    return 0;
}

void add_list_expect(struct adder *a)
{
    if (a->list.is_tree)
        a->list.last->expected++;
}

void add_list_withdraw(struct adder *a)
{
    if (a->list.last != NULL && !a->list.last->closed)
        a->list.last->closed = a->list.last->withdrawn = true;
}

int add_list_take(struct adder *a, enum chunk_kind kind, const struct chunk_ref *ref, struct err *e)
{
    struct add_list *l = &a->list;
    struct add_pending *p = l->first;

    if (kind == CHUNK_SET)
        return 0; /* who made it knows it */
    if (kind == CHUNK_LIST) {
        append_ref(&l->chunks, &l->chunk_count, &l->chunk_cap, ref);
        return 0;
    }
    if (!l->is_tree) {
        l->content += ref->length;
        return run_add(l, ref, e);
    }
    while (p->count == p->expected) /* an entry for each chunk: there is one */
        p = p->next;
    append_ref(&p->refs, &p->count, &p->cap, ref);
    return put_complete(l, e);
}

/* --- its own chunks --- */

static int hand_over(struct adder *a, struct add_block **b, size_t begin, size_t len, struct err *e)
{
    const struct add_wish how = {.kind = CHUNK_LIST, .cursor = a->list.list_cursor};

    if (a->list.is_tree) /* the last file's room, which may be all there is: it is handed over */
        add_block_drop(a, &a->content.block);
    if (add_block_reserve(a, b, len, e) < 0)
        return -1;
    uint8_t *data = (*b)->data + (*b)->used;
    memcpy(data, a->list.bytes.data + begin, len);
    (*b)->used += len;
    return add_submit(a, *b, data, len, &how, e);
}

static int cut(struct adder *a, bool last, struct err *e)
{
    struct add_list *l = &a->list;
    const struct cutter *c = &a->list_cutter;
    struct add_block *b = NULL;
    size_t begin = 0;
    int rc = 0;

    while (rc == 0 && (l->bytes.len - begin >= c->sizes.max || (last && l->bytes.len > begin))) {
        size_t left = l->bytes.len - begin, len = cutter_find(c, l->bytes.data + begin, left);
        len = len == 0 ? left : len;
        rc = hand_over(a, &b, begin, len, e);
        begin += len;
    }
    add_block_drop(a, &b);
    if (rc == 0 && l->copy >= 0 && begin > 0 && fs_write_all(l->copy, l->bytes.data, begin, e) < 0)
        rc = err_wrap(e, "keep a list");
    buf_consume(&l->bytes, begin);
    return rc;
}

static int take_done(struct adder *a, struct err *e)
{
    enum chunk_kind kind;
    struct chunk_ref ref;

    while (add_reap(a, &kind, &ref))
        if (add_list_take(a, kind, &ref, e) < 0)
            return -1;
    return 0;
}

int add_list_pump(struct adder *a, struct err *e)
{
    return take_done(a, e) < 0 ? -1 : cut(a, false, e);
}

/* --- from begin to end --- */

int add_list_begin(struct adder *a, bool is_tree, int previous, int copy, struct err *e)
{
    struct add_list *l = &a->list;

    if (l->open)
        return err_set(e, ERR_INTERNAL, "an artifact is begun inside another");
    *l = (struct add_list){
        .open = true, .is_tree = is_tree, .bytes = BUF_INIT(BYTES_MAX), .copy = copy};
    (void)pthread_mutex_lock(&a->lock);
    l->packed_before = a->packed_bytes;
    (void)pthread_mutex_unlock(&a->lock);
    if (previous < 0)
        return 0;
    if (!is_tree)
        l->data_cursor = add_cursor_of_content(previous);
    l->list_cursor = add_cursor_of_list(previous, a->repository->keys, &a->list_cutter);
    return 0;
}

int add_list_finish(struct adder *a, struct err *e)
{
    struct add_list *l = &a->list;

    if (l->last != NULL)
        l->last->closed = true;
    if (add_wait_idle(a, e) < 0 || take_done(a, e) < 0 || put_complete(l, e) < 0 ||
        put_run(l, e) < 0)
        return -1;
    if (l->first != NULL)
        return err_set(e, ERR_INTERNAL, "content of %s is missing", l->first->entry.path);
    if (list_put_end(&l->bytes, l->entries, l->content, e) < 0 || cut(a, true, e) < 0 ||
        add_wait_idle(a, e) < 0)
        return -1;
    return take_done(a, e);
}

void add_list_deinit(struct adder *a)
{
    struct add_list *l = &a->list;

    for (struct add_pending *p = l->first, *next; p != NULL; p = next) {
        next = p->next;
        pending_free(p);
    }
    add_cursor_free(l->data_cursor);
    add_cursor_free(l->list_cursor);
    buf_deinit(&l->bytes);
    free(l->chunks);
    *l = (struct add_list){0};
}
