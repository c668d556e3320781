/* index_filter.h — is this id certainly not in a segment? Twelve bits an entry, one cache line a
 * question, wrong once in a hundred or less. Pure. */
#pragma once

#include "lib/repository/chunk.h"

enum { INDEX_FILTER_BLOCK = 64 };

struct index_filter {
    uint8_t *bytes; /* owned; block_count of INDEX_FILTER_BLOCK */
    uint32_t block_count;
};
void index_filter_init(struct index_filter *f, uint64_t entries); /* at most so many */
void index_filter_deinit(struct index_filter *f);
void index_filter_add(struct index_filter *f, const struct chunk_id *id);
bool index_filter_may_hold(const struct index_filter *f, const struct chunk_id *id);
