/* set_tar.c — a tar file as a read-only store. Reached only through set_view.c, which refuses all
 * that changes something. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/plain/set_view.h"
#include "lib/plain/tar_index.h"
#include "lib/store/ops.h"

struct set_tar {
    struct store base;
    int fd;
    struct tar_index index;
};

static struct set_tar *tar_of(struct store *s)
{
    return (struct set_tar *)s;
}

static void tar_close(struct store *s)
{
    fs_closep(&tar_of(s)->fd);
    tar_index_deinit(&tar_of(s)->index);
    free(s);
}

static const struct tar_entry *find(struct store *s, const char *name, struct err *e)
{
    const struct tar_entry *entry = tar_index_find(&tar_of(s)->index, name);

    if (entry == NULL)
        (void)err_set(e, ERR_NOT_FOUND, "%s: there is no %s in it", s->place, name);
    return entry;
}

static int tar_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                   size_t *ret_len, struct err *e)
{
    const struct tar_entry *entry = find(s, name, e);

    *ret_len = 0;
    if (entry == NULL)
        return -1;
    if (offset >= entry->size)
        return 0;
    if (len > entry->size - offset)
        len = (size_t)(entry->size - offset);
    return fs_pread_full(tar_of(s)->fd, data, len, (int64_t)(entry->offset + offset), ret_len, e);
}

static void describe(const struct tar_entry *entry, struct store_object *o)
{
    *o = (struct store_object){.size = entry->size};
    (void)snprintf(o->name, sizeof(o->name), "%s", entry->name);
}

static int tar_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
    const struct tar_entry *entry = find(s, name, e);

    if (entry == NULL)
        return -1;
    describe(entry, ret);
    return 0;
}

/* Never folded: nothing lists an archive by folders. */
static int tar_list(struct store *s, const char *prefix, bool fold, const char *after,
                    struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    const struct tar_index *t = &tar_of(s)->index;

    (void)fold;
    (void)e;
    *ret_count = 0;
    for (size_t i = 0; i < t->count && *ret_count < max; i++)
        if (str_starts(t->entries[i].name, prefix) && strcmp(t->entries[i].name, after) > 0)
            describe(&t->entries[i], &out[(*ret_count)++]);
    return 0;
}

static char *tar_local_path(struct store *s, const char *name)
{
    (void)s;
    (void)name;
    return NULL;
}

static const struct store_ops tar_ops = {
    .close = tar_close,
    .get = tar_get,
    .list = tar_list,
    .stat = tar_stat,
    .local_path = tar_local_path,
};

/* "x/y/" of the only x/y/manifest.json. */
static int find_root(const struct tar_index *t, char **ret, struct err *e)
{
    static const char file[] = "manifest.json";
    const char *found = NULL;

    for (size_t i = 0; i < t->count; i++) {
        const char *name = t->entries[i].name;
        if (strcmp(name, file) != 0 && !str_ends(name, "/manifest.json"))
            continue;
        if (found != NULL)
            return err_set(e, ERR_FORMAT, "the tar file holds more than one set");
        found = name;
    }
    if (found == NULL)
        return err_set(e, ERR_FORMAT, "the tar file holds no set (no manifest.json)");
    *ret = mem_strndup(found, strlen(found) - strlen(file));
    return 0;
}

int set_tar_open(const char *path, struct store **ret, char **ret_root, struct err *e)
{
    struct set_tar *t = mem_alloc(sizeof(*t));

    t->base.ops = &tar_ops;
    t->base.place = mem_strdup(path);
    t->fd = io_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    int rc = t->fd < 0 ? err_sys(e, ERR_IO, errno, "open") : tar_index_read(t->fd, &t->index, e);
    if (rc == 0)
        rc = find_root(&t->index, ret_root, e);
    if (rc < 0) {
        store_close(&t->base);
        return err_wrap(e, "%s", path);
    }
    *ret = &t->base;
    return 0;
}
