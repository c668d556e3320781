/* tree_scan.h — one folder of a tree as it is found: opened, listed in the order of names, its
 * files stat'ed. Private to the walk (tree_read.c, tree_ahead.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/tree/tree_rules.h"

enum tree_scan_found {
    TREE_SCAN_LISTED,
    TREE_SCAN_NOT_OPENED,
    TREE_SCAN_MOUNTED, /* another file system, and those are not read */
    TREE_SCAN_TOO_DEEP,
};

struct tree_scan_entry { /* only what belongs to the source, or may lead to it */
    uint32_t name;       /* where it begins in the folder's names */
    uint8_t type;        /* DT_*; DT_UNKNOWN: it could not be told */
    uint8_t verdict;     /* enum tree_verdict */
};

struct tree_stat {
    struct stat st;
    int errnum; /* 0: st is valid */
};

struct tree_scan {
    struct tree_scan *parent; /* borrowed; NULL: the root */
    size_t index;             /* of its entry in the parent */

    /* By the scan; afterwards they do not change. */
    enum tree_scan_found found;
    int errnum; /* not opened: why; listed: why not to its end, or 0 */
    int fd;     /* of the folder, owned; -1 */
    struct stat st;
    size_t path_len; /* of its path below the root */
    int depth;
    bool inside; /* a folder above, or itself, was included by name */
    struct buf names;
    struct tree_scan_entry *entries; /* owned, in the byte order of names */
    size_t count, folder_count;

    /* Of the walk's own thread once the scan is done. */
    struct tree_stat *stats; /* of the entries from stats_from on that are no folders; owned */
    size_t stats_from, stats_count;
    bool told; /* as a member */

    /* Of tree_ahead.c, under its lock. */
    struct tree_scan *first, *last; /* folders in this one, scanned ahead, in their order; owned */
    struct tree_scan *next;         /* among them */
    size_t handed_out;   /* entries up to here have been taken by one thread or another */
    size_t folders_left; /* behind them */
    bool done;
};

struct tree_scanner { /* one for each thread that scans */
    const struct tree_rules *rules;
    bool one_file_system;
    dev_t device;    /* of the root */
    bool plain_open; /* O_NOATIME was not allowed */
    char *path;      /* of what is looked at; owned, as the rest */
    size_t path_cap;
    uint8_t *block;
};

void tree_scanner_deinit(struct tree_scanner *s);

/* Open for reading without following links, blocking or touching the access time. As io_open. */
int tree_scan_open(struct tree_scanner *s, int dirfd, const char *name, int flags);

/* Still to be scanned. fd (root): taken. */
struct tree_scan *tree_scan_new_root(int fd, const struct stat *st);
struct tree_scan *tree_scan_new(struct tree_scan *parent, size_t index);
void tree_scan_free(struct tree_scan *f); /* and what was scanned ahead in it; NULL-safe */

/* What fails is in f->found and f->errnum, to be told when its turn comes. */
void tree_scan_run(struct tree_scanner *s, struct tree_scan *f);

static inline const char *tree_scan_name(const struct tree_scan *f, size_t index)
{
    return (const char *)f->names.data + f->entries[index].name;
}

/* The entry as it was when it was stat'ed, which was a while ago. Walk's thread only; `index` never
 * goes down. Valid until the next call. */
const struct tree_stat *tree_scan_stat(struct tree_scan *f, size_t index);
