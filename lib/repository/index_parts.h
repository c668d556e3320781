/* index_parts.h — what the files index*.c share about an open index. */
#pragma once

#include <pthread.h>

#include "lib/base/str.h"
#include "lib/repository/index_local.h"

/* --- index_pages.c: a few pages in memory, for all segments --- */
enum { INDEX_PAGES_WAYS = 4, INDEX_PAGES_SETS = 64 };
struct index_pages;
struct index_pages *index_pages_new(void);
void index_pages_free(struct index_pages *c);
/* A page by its key; NULL: not here. Stays until it is released. */
struct index_kept_page {
    uint8_t bytes[INDEX_PAGE];
    uint64_t key, used;
    unsigned users;
    bool in_cache;
};
struct index_kept_page *index_pages_find(struct index_pages *c, uint64_t key);
/* Takes p, filled by the caller, who releases it as well. */
void index_pages_add(struct index_pages *c, uint64_t key, struct index_kept_page *p);
void index_pages_release(struct index_pages *c, struct index_kept_page *p);

/* --- index_segment.c: one segment --- */
struct index_segment {
    struct pack_name name;
    bool stored;         /* it is at the store under its name */
    uint64_t object_len; /* stored */
    uint32_t serial;     /* of this index, for index_pages */
    struct index_table table;
    struct index_filter filter; /* empty: none */
    struct index_local local;   /* fd -1: pages come from the store */
    struct seal_box *box;       /* owned; of the object's pages; made when it is needed */
    pthread_mutex_t box_lock;
    uint8_t *excluded; /* owned; a bit a pack; NULL: none is */
};
struct index_segment *index_segment_new(void);
void index_segment_free(struct index_segment *g);                      /* NULL-safe */
void index_segment_object(const struct pack_name *name, char ret[80]); /* "index/HEX64" */
/* "index segment HEX64 of PLACE" before the text. Returns -1. */
int index_segment_wrap(const struct pack_name *name, const struct store *s, struct err *e);
/* Header, table and trailer from the store. ERR_KEY: not with these keys; ERR_DAMAGED. */
int must_check index_segment_open(struct index_segment *g, struct store *s, const struct keys *k,
                                  struct err *e);
/* The whole object from the store into a file; compared with its name. ERR_DAMAGED. */
int must_check index_segment_bring(struct index_segment *g, struct store *s, const struct keys *k,
                                   const char *dir, struct err *e);
/* A page, from the file of this machine, else the store, checked. Any thread. */
int must_check index_segment_page(struct index_segment *g, struct store *s, const struct keys *k,
                                  size_t number, uint8_t page[INDEX_PAGE], struct err *e);
uint64_t index_segment_count(const struct index_segment *g); /* entries; at most, when not local */
static inline bool index_segment_excludes(const struct index_segment *g, uint32_t pack)
{
    return g->excluded != NULL && (g->excluded[pack / 8] & (1U << (pack % 8))) != 0;
}

/* The object of what lies in a file: sealed piece by piece for the sink. The same key and header give the
 * same bytes again. */
typedef int index_sink(void *arg, const void *data, size_t len, struct err *e);
int must_check index_segment_seal(struct index_segment *g, const uint8_t header[OBJECT_HEADER_LEN],
                                  const uint8_t key[SEAL_KEY_LEN], index_sink *sink, void *arg,
                                  struct err *e);

/* --- index_pending.c: what was added and is in no segment yet --- */
struct index_pending {
    struct index_item *items; /* owned */
    size_t count, room;
    struct index_pack *packs; /* owned */
    size_t pack_count, pack_room;
    uint32_t *slots; /* owned: a hash table of items, number + 1 */
    size_t slot_count;
};
void index_pending_deinit(struct index_pending *p);
void index_pending_clear(struct index_pending *p);
void index_pending_add_pack(struct index_pending *p, const struct index_pack *pack);
void index_pending_add(struct index_pending *p, const struct index_item *x); /* of the last pack */
/* Those of an id one after the other: *at is index_pending_slot at first. NULL: no more. */
size_t index_pending_slot(const struct index_pending *p, const struct chunk_id *id);
const struct index_item *index_pending_find(const struct index_pending *p,
                                            const struct chunk_id *id, size_t *at);
/* Into a file, in order. The items are sorted, the table is as before. */
int must_check index_pending_write(struct index_pending *p, const char *dir,
                                   struct index_segment *g, struct err *e);

/* --- the index --- */
struct index {
    struct store *store;             /* borrowed */
    const struct keys *keys;         /* borrowed */
    char *dir;                       /* owned; the cache folder's for segments; NULL */
    pthread_rwlock_t lock;           /* of what follows, against adding, excluding and merging */
    struct index_segment **segments; /* owned, each owned */
    size_t segment_count;
    uint32_t next_serial;
    struct index_pending *pending; /* borrowed from a writer; NULL */
    struct pack_name *excluded;    /* owned, sorted */
    size_t excluded_count;
    bool excluded_are_last;       /* what lies nowhere else is found in them after all */
    struct pack_name *superseded; /* owned: at the store, replaced by one that counts */
    size_t superseded_count;
    struct pack_name *damaged; /* owned: segments that cannot be read; left out by a rebuild */
    size_t damaged_count;
    struct strlist problems, problem_objects;
    struct index_pages *pages;
    bool searched; /* index_search_packs did all that it can */
};
char *index_cache_dir(const char *cache_dir); /* owned; NULL for NULL */
/* Takes g. Exclusions are applied. Lock held for writing, or nobody else there yet. */
void index_take_segment(struct index *ix, struct index_segment *g);
/* Takes g, which cannot be read: it is a problem, and does not count. */
void index_leave_out(struct index *ix, struct index_segment *g, const struct err *e);
bool index_pack_is_excluded(const struct index *ix, const struct pack_name *p);
int index_name_compare(const void *a, const void *b); /* struct pack_name, for qsort */
/* Segments that have no file on this machine get one. */
int must_check index_localize(struct index *ix, struct err *e);
/* The packs at the store that no segment names become segments in files without a name. */
int must_check index_rebuild(struct index *ix, struct err *e);

/* --- index_cursor.c: entries of several segments, in order --- */
struct index_cursor_item {
    struct index_item x;
    struct index_segment *segment; /* of which x.pack is a number */
};
struct index_cursor;
/* segments: with files; borrowed. Excluded packs are not left out. */
struct index_cursor *index_cursor_new(const struct index *ix, struct index_segment *const *segments,
                                      size_t count);
void index_cursor_free(struct index_cursor *c);
/* 1 at the end. */
int must_check index_cursor_next(struct index_cursor *c, struct index_cursor_item *ret,
                                 struct err *e);
