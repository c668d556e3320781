#include "lib/plain/set_view.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/ops.h"

struct set_view {
    struct store base;
    struct store *inner; /* owned */
    char *root;          /* owned: how the set's names begin there */
    char *prefix;        /* owned: and here, "JOB/ID/" */
};

static struct set_view *view_of(struct store *s)
{
    return (struct set_view *)s;
}

static void view_close(struct store *s)
{
    struct set_view *v = view_of(s);

    store_close(v->inner);
    free(v->root);
    free(v->prefix);
    free(v);
}

/* "JOB/ID/x" -> "ROOTx", owned; NULL when the name is outside the set. */
static char *inner_name(const struct set_view *v, const char *name)
{
    if (!str_starts(name, v->prefix))
        return NULL;
    return mem_printf("%s%s", v->root, name + strlen(v->prefix));
}

static int outside(const struct set_view *v, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: it holds %.*s and not %s", v->base.place,
                   (int)strlen(v->prefix) - 1, v->prefix, name);
}

static int read_only(const struct store *s, struct err *e)
{
    return err_set(e, ERR_REFUSED, "%s: it is only read", s->place);
}

static int view_put_begin(struct store *s, const char *name, enum store_begin how,
                          struct store_put **ret, struct err *e)
{
    (void)name;
    (void)how;
    *ret = NULL;
    return read_only(s, e);
}

static int view_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                    size_t *ret_len, struct err *e)
{
    struct set_view *v = view_of(s);
    _cleanup_free_ char *there = inner_name(v, name);

    return there != NULL ? store_get(v->inner, there, offset, data, len, ret_len, e)
                         : outside(v, name, e);
}

static int view_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
    struct set_view *v = view_of(s);
    _cleanup_free_ char *there = inner_name(v, name);

    if (there == NULL)
        return outside(v, name, e);
    if (store_stat(v->inner, there, ret, e) < 0)
        return -1;
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    return 0;
}

static int view_list(struct store *s, const char *prefix, bool fold, const char *after,
                     struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    struct set_view *v = view_of(s);
    _cleanup_free_ char *there = inner_name(v, prefix);
    _cleanup_free_ char *from = after[0] != '\0' ? inner_name(v, after) : mem_strdup("");

    *ret_count = 0;
    if (there == NULL || from == NULL)
        return 0; /* only the set can be listed; nothing asks for more */
    if (store_list(v->inner, there, fold, from, out, max, ret_count, e) < 0)
        return -1;
    for (size_t i = 0; i < *ret_count; i++) {
        _cleanup_free_ char *name = mem_printf("%s%s", v->prefix, out[i].name + strlen(v->root));
        (void)snprintf(out[i].name, sizeof(out[i].name), "%s", name);
    }
    return 0;
}

static int view_delete(struct store *s, const char *name, struct err *e)
{
    (void)name;
    return read_only(s, e);
}

static int view_space(struct store *s, struct store_space *ret, struct err *e)
{
    (void)s;
    (void)e;
    *ret = (struct store_space){0};
    return 0;
}

static int view_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e)
{
    (void)age_s;
    *ret_removed = 0;
    return read_only(s, e);
}

static int view_point(struct store *s, const char *name, const char *target, struct err *e)
{
    (void)name;
    (void)target;
    return read_only(s, e);
}

static char *view_local_path(struct store *s, const char *name)
{
    struct set_view *v = view_of(s);
    _cleanup_free_ char *there = inner_name(v, name);

    return there != NULL ? store_local_path(v->inner, there) : NULL;
}

static const struct store_ops view_ops = {
    .close = view_close,
    .put_begin = view_put_begin,
    .get = view_get,
    .list = view_list,
    .stat = view_stat,
    .delete = view_delete,
    .space = view_space,
    .sweep = view_sweep,
    .point = view_point,
    .local_path = view_local_path,
};

struct store *set_view_new(struct store *inner, const char *root, const char *job, const char *id)
{
    struct set_view *v = mem_alloc(sizeof(*v));

    v->base.ops = &view_ops;
    v->base.place = mem_strdup(store_place(inner));
    v->inner = inner;
    v->root = mem_strdup(root);
    v->prefix = mem_printf("%s/%s/", job, id);
    return &v->base;
}
