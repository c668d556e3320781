/* Open addressing over (device, inode); only inodes with several names come here. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/tree/tree_walk.h"

struct link {
    dev_t device;
    ino_t inode;
    char *path; /* NULL: free slot */
};

struct tree_links {
    struct link *slots;
    size_t size, used; /* size: a power of two */
};

struct tree_links *tree_links_create(void)
{
    struct tree_links *l = mem_alloc(sizeof(*l));

    l->size = 64;
    l->slots = mem_alloc(l->size * sizeof(*l->slots));
    return l;
}

void tree_links_free(struct tree_links *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->size; i++)
        free(l->slots[i].path);
    free(l->slots);
    free(l);
}

static struct link *find(struct link *slots, size_t size, dev_t device, ino_t inode)
{
    size_t at = (size_t)((inode ^ ((uint64_t)device << 40)) * 0x9e3779b97f4a7c15u >> 20);

    for (;; at++) {
        struct link *slot = &slots[at & (size - 1)];
        if (slot->path == NULL || (slot->device == device && slot->inode == inode))
            return slot;
    }
}

static void grow(struct tree_links *l)
{
    size_t size = l->size * 2;
    struct link *slots = mem_alloc(size * sizeof(*slots));

    for (size_t i = 0; i < l->size; i++)
        if (l->slots[i].path != NULL)
            *find(slots, size, l->slots[i].device, l->slots[i].inode) = l->slots[i];
    free(l->slots);
    l->slots = slots;
    l->size = size;
}

const char *tree_links_find(const struct tree_links *l, const struct stat *st)
{
    return find(l->slots, l->size, st->st_dev, st->st_ino)->path;
}

void tree_links_add(struct tree_links *l, const struct stat *st, const char *path)
{
    *find(l->slots, l->size, st->st_dev, st->st_ino) =
        (struct link){st->st_dev, st->st_ino, mem_strdup(path)};
    if (++l->used * 4 > l->size * 3)
        grow(l);
}
