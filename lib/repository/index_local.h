/* index_local.h — an index segment as a file of this machine: plain pages, each with a checksum, the
 * table, a filter. In the cache folder under the segment's name, mode 0600, or nameless.
 *
 * The file guards against decay, not against whoever may write it: that is who may read the keys.
 * All calls block. */
#pragma once

#include "lib/repository/index_filter.h"
#include "lib/repository/index_page.h"

struct index_local {
    int fd;             /* -1: none */
    bool bad;           /* a page was wrong: it is not to be used again */
    char *dir;          /* owned: the folder; NULL: nameless */
    char *named;        /* owned: its name there; NULL: none yet */
    uint32_t *ordinals; /* owned: entries before each page; one more than there are pages */
    uint64_t *sums;     /* owned: a checksum for each page */
    uint8_t *seen;      /* owned: a bit for each page whose checksum was compared */
};
void index_local_deinit(struct index_local *l); /* zero and {.fd = -1} are fine */

/* 0; 1: there is none, or what is there is wrong. */
int must_check index_local_open(const char *dir, const struct pack_name *name,
                                struct index_local *ret, struct index_table *ret_table,
                                struct err *e);
/* Its filter: memory that only a segment that counts is worth. ERR_DAMAGED. */
int must_check index_local_filter(struct index_local *l, struct index_filter *ret, struct err *e);
/* ERR_DAMAGED: the checksum is wrong. Any thread. */
int must_check index_local_read(struct index_local *l, size_t number, uint8_t page[INDEX_PAGE],
                                struct err *e);
void index_local_forget(struct index_local *l); /* its name, so that it is made again */
/* Files of segments that are not among `names` and are older than a day. Never fails. */
void index_local_sweep(const char *dir, const struct pack_name *names, size_t count);

/* --- making one: pages, or entries in ascending order --- */
struct index_local_writer;
/* dir: made when it is missing; NULL: a nameless file in a folder for temporary ones. */
int must_check index_local_begin(const char *dir, uint64_t max_entries,
                                 struct index_local_writer **ret, struct err *e);
int must_check index_local_add(struct index_local_writer *w, const struct index_item *x,
                               struct err *e);
int must_check index_local_add_page(struct index_local_writer *w, const uint8_t page[INDEX_PAGE],
                                    struct err *e);
/* Everything was added. `table`: packs and replaces as they are to be; its firsts are made here.
 * Frees the writer, also on failure. */
int must_check index_local_end(struct index_local_writer *w, struct index_table *table,
                               struct index_local *ret, struct index_filter *ret_filter,
                               struct err *e);
void index_local_abort(struct index_local_writer *w); /* NULL-safe; frees */
/* The name of what was made in a folder; it may be found by that from now on. */
int must_check index_local_name(struct index_local *l, const struct pack_name *name, struct err *e);
/* The table's plain bytes, for who seals it. Owned result. */
int must_check index_local_table(struct index_local *l, uint8_t **ret, size_t *ret_len,
                                 struct err *e);
