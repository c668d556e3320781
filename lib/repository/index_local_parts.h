/* index_local_parts.h — the layout of the files of index_local.h:
 *
 *   head (4096) | pages (16384 each) | for each page: sum u64, entries u32 | table | filter
 *
 * The head: magic, then u32 pages, u32 blocks of the filter, u64 length of the table, the SHA-256 of each
 * of the three parts behind the pages, and of the head so far. */
#pragma once

#include "lib/repository/index_local.h"

#define INDEX_LOCAL_MAGIC "SYNBAKC1"

enum local_part { LOCAL_MARKS, LOCAL_TABLE, LOCAL_FILTER, LOCAL_PARTS };
enum {
    LOCAL_HEAD = 4096,
    LOCAL_MARK = 8 + 4,
    LOCAL_AT_PAGES = 8,
    LOCAL_AT_BLOCKS = 12,
    LOCAL_AT_TABLE = 16,
    LOCAL_AT_HASHES = 24,
    LOCAL_AT_HEAD_HASH = LOCAL_AT_HASHES + LOCAL_PARTS * SEAL_HASH_LEN
};

uint64_t index_local_sum(const uint8_t page[INDEX_PAGE]);
static inline int64_t index_local_page_at(size_t number)
{
    return LOCAL_HEAD + (int64_t)number * INDEX_PAGE;
}
