/* index_page.h — the pages of an index segment and its table (docs/repository-format.md, "Index
 * segments"). Pure. */
#pragma once

#include "lib/repository/index.h"

#define INDEX_MAGIC "SYNBAKI1"

enum {
    INDEX_PAGE = 16384,
    INDEX_PAGE_BOX = INDEX_PAGE + SEAL_TAG_LEN,
    INDEX_ENTRY = CHUNK_ID_LEN + 4 * 4 + 2,
    INDEX_ENTRY_DELTA = INDEX_ENTRY + CHUNK_ID_LEN,
    INDEX_PAGE_ENTRIES = (INDEX_PAGE - 2) / INDEX_ENTRY, /* at most */
    INDEX_TRAILER = 8, /* plain: length of the table's box, number of pages */
    INDEX_TRAILER_BOX = INDEX_TRAILER + SEAL_TAG_LEN
};

struct index_item { /* an entry as pages have it */
    struct chunk_entry chunk;
    uint32_t pack; /* number in the table */
    uint32_t offset;
};
int index_item_compare(const void *a, const void *b); /* by id, pack, offset: for qsort */

/* The first 8 bytes of an id as a number that sorts as ids do. */
uint64_t index_prefix(const struct chunk_id *id);

struct index_table {
    struct index_pack *packs; /* owned */
    size_t pack_count;
    struct pack_name *replaces; /* owned */
    size_t replace_count;
    uint64_t *firsts; /* owned; index_prefix of the first id of each page */
    size_t page_count;
};
void index_table_deinit(struct index_table *t); /* NULL-safe inside; zero is empty */
/* Plain bytes of the table. first_ids: 32 bytes a page. Owned result. */
uint8_t *index_table_encode(const struct index_table *t, const uint8_t *first_ids, size_t *ret_len);
int must_check index_table_parse(const uint8_t *data, size_t len, struct index_table *ret,
                                 struct err *e);

struct index_page { /* being filled */
    uint8_t bytes[INDEX_PAGE];
    size_t used, count;
};
void index_page_clear(struct index_page *p);
bool index_page_add(struct index_page *p, const struct index_item *x); /* false: no room */

/* Entries one after the other. The page was checked. */
struct index_page_at {
    const uint8_t *at;
    size_t left; /* entries */
};
struct index_page_at index_page_begin(const uint8_t page[INDEX_PAGE]);
bool index_page_next(struct index_page_at *p, struct index_item *ret);
/* As index_page_next, without those below `id`: false also when only greater ones are left. *ret_passed
 * counts what was passed over. */
bool index_page_seek(struct index_page_at *p, const struct chunk_id *id, size_t *ret_passed,
                     struct index_item *ret);
size_t index_page_count(const uint8_t page[INDEX_PAGE]);
/* Everything that a page promises, against page `number` of the table. ERR_DAMAGED. */
int must_check index_page_check(const uint8_t page[INDEX_PAGE], const struct index_table *t,
                                size_t number, struct err *e);
