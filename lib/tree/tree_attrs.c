#include "lib/tree/tree_attrs.h"

#include <errno.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"

enum { NAMES_MAX = 65536, VALUE_MAX = 65536 }; /* the kernel's own limits */

static int compare_names(const void *a, const void *b)
{
    const struct tree_attr *x = a, *y = b;

    return strcmp(x->name, y->name);
}

void tree_attrs_clear(struct tree_attrs *a)
{
    a->count = 0;
    a->bytes.max = TREE_ATTRS_MAX;
    buf_clear(&a->bytes);
}

/* The name and its value go behind what is there; the pointers are set once nothing moves. */
int tree_attrs_add(struct tree_attrs *a, const char *name, const void *value, size_t len,
                   struct err *e)
{
    if (a->count == a->room) {
        a->room = a->room == 0 ? 4 : a->room * 2;
        a->items = mem_resize_array(a->items, a->room, sizeof(*a->items));
    }
    a->items[a->count++].len = len;
    return buf_append(&a->bytes, name, strlen(name) + 1, e) < 0 ||
                   buf_append(&a->bytes, value, len, e) < 0
               ? -1
               : 0;
}

static int read_one(int fd, const char *name, uint8_t *value, struct tree_attrs *ret, struct err *e)
{
    ssize_t len = io_getxattr(fd, name, value, VALUE_MAX);

    if (len < 0 && (errno == ENODATA || errno == EACCES || errno == EPERM || errno == ENOTSUP))
        return 0; /* gone meanwhile, or shown in the list but not for us (trusted.*) */
    if (len < 0)
        return err_sys(e, ERR_IO, errno, "read attribute %s", name);
    return tree_attrs_add(ret, name, value, (size_t)len, e);
}

void tree_attrs_finish(struct tree_attrs *a)
{
    const char *at = (const char *)a->bytes.data;

    for (size_t i = 0; i < a->count; i++) {
        a->items[i].name = at;
        a->items[i].value = at + strlen(at) + 1;
        at = (const char *)a->items[i].value + a->items[i].len;
    }
    if (a->count > 1)
        qsort(a->items, a->count, sizeof(*a->items), compare_names);
}

static int read_all(int fd, struct tree_attrs *ret, struct err *e)
{
    _cleanup_free_ char *names = mem_alloc(NAMES_MAX);
    _cleanup_free_ uint8_t *value = mem_alloc(VALUE_MAX);
    ssize_t len = io_listxattr(fd, names, NAMES_MAX);

    if (len < 0)
        return err_sys(e, ERR_IO, errno, "list attributes");
    for (const char *name = names; name < names + len; name += strlen(name) + 1)
        if (read_one(fd, name, value, ret, e) < 0)
            return -1;
    return 0;
}

int tree_attrs_read(int fd, struct tree_attrs *ret, struct err *e)
{
    char first[1024]; /* nearly every file has none: no memory is taken for them */
    ssize_t len = io_listxattr(fd, first, sizeof(first));

    tree_attrs_clear(ret);
    if (len == 0 || (len < 0 && (errno == ENOTSUP || errno == EPERM)))
        return 0;
    if (len < 0 && errno != ERANGE)
        return err_sys(e, ERR_IO, errno, "list attributes");
    if (read_all(fd, ret, e) < 0) {
        ret->count = 0;
        return -1;
    }
    tree_attrs_finish(ret);
    return 0;
}

void tree_attrs_deinit(struct tree_attrs *a)
{
    free(a->items);
    buf_deinit(&a->bytes);
    *a = (struct tree_attrs){0};
}
