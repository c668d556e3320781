/* tree_kept.c — each path is written as what it has of the one before and what it has not. */
#include "lib/tree/tree_kept.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"

enum { FIXED = 4 + 4 + 8 + 8 + 8 + 4 }; /* shared, own, inode, size, ctime */

struct mark {
    uint64_t inode, size;
    int64_t ctime_s;
    uint32_t ctime_ns;
};

struct tree_kept {
    uint8_t *bytes; /* owned */
    size_t len, room;
    char *last; /* owned; the path that was added last, or NULL */

    size_t at;  /* of the next that is asked for */
    char *path; /* owned; the one at hand, or NULL: it is yet to be read */
    size_t path_room;
    struct mark mark;
    bool at_hand;
};

struct tree_kept *tree_kept_new(void)
{
    return mem_alloc(sizeof(struct tree_kept));
}

void tree_kept_clear(struct tree_kept *k)
{
    free(k->bytes);
    free(k->last);
    free(k->path);
    *k = (struct tree_kept){0};
}

void tree_kept_free(struct tree_kept *k)
{
    if (k != NULL)
        tree_kept_clear(k);
    free(k);
}

static size_t shared_part(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return n;
}

static struct mark mark_of(const struct stat *st)
{
    return (struct mark){.inode = st->st_ino,
                         .size = (uint64_t)st->st_size,
                         .ctime_s = st->st_ctim.tv_sec,
                         .ctime_ns = (uint32_t)st->st_ctim.tv_nsec};
}

void tree_kept_add(struct tree_kept *k, const char *path, const struct stat *st)
{
    size_t shared = k->last == NULL ? 0 : shared_part(k->last, path), own = strlen(path) - shared;
    const struct mark m = mark_of(st);

    if (k->room - k->len < FIXED + own) {
        k->room = 2 * k->room + FIXED + own + 4096;
        k->bytes = mem_resize(k->bytes, k->room);
    }
    uint8_t *p = k->bytes + k->len;
    bytes_put_u32(p, (uint32_t)shared);
    bytes_put_u32(p + 4, (uint32_t)own);
    bytes_put_u64(p + 8, m.inode);
    bytes_put_u64(p + 16, m.size);
    bytes_put_u64(p + 24, (uint64_t)m.ctime_s);
    bytes_put_u32(p + 32, m.ctime_ns);
    memcpy(p + FIXED, path + shared, own);
    k->len += FIXED + own;
    free(k->last);
    k->last = mem_strdup(path);
}

void tree_kept_rewind(struct tree_kept *k)
{
    k->at = 0;
    k->at_hand = false;
}

/* The next one at hand; false: there is none. */
static bool fetch(struct tree_kept *k)
{
    if (k->at_hand || k->at == k->len)
        return k->at_hand;
    const uint8_t *p = k->bytes + k->at;
    size_t shared = bytes_get_u32(p), own = bytes_get_u32(p + 4);
    if (k->path_room < shared + own + 1) {
        k->path_room = 2 * (shared + own) + 256;
        k->path = mem_resize(k->path, k->path_room);
    }
    k->mark = (struct mark){.inode = bytes_get_u64(p + 8),
                            .size = bytes_get_u64(p + 16),
                            .ctime_s = (int64_t)bytes_get_u64(p + 24),
                            .ctime_ns = bytes_get_u32(p + 32)};
    memcpy(k->path + shared, p + FIXED, own);
    k->path[shared + own] = '\0';
    k->at += FIXED + own;
    k->at_hand = true;
    return true;
}

enum tree_kept_answer tree_kept_ask(struct tree_kept *k, const char *path, const struct stat *now)
{
    if (!fetch(k) || strcmp(k->path, path) != 0)
        return TREE_KEPT_NO;
    const struct mark m = mark_of(now);
    k->at_hand = false;
    return S_ISREG(now->st_mode) && m.inode == k->mark.inode && m.size == k->mark.size &&
                   m.ctime_s == k->mark.ctime_s && m.ctime_ns == k->mark.ctime_ns
               ? TREE_KEPT_SAME
               : TREE_KEPT_CHANGED;
}

const char *tree_kept_missing(struct tree_kept *k)
{
    return fetch(k) ? k->path : NULL;
}
