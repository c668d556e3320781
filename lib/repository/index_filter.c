/* index_filter.c — a Bloom filter in blocks. Ids are keyed hashes, so their own bytes are as good as
 * any hash of them: bytes 8 to 15 choose the block, 16 to 25 the bits in it. */
#include "lib/repository/index_filter.h"

#include "lib/base/bytes.h"
#include "lib/base/mem.h"

enum { BITS_EACH = 12, PROBES = 8, BLOCK_BITS = INDEX_FILTER_BLOCK * 8 };

void index_filter_init(struct index_filter *f, uint64_t entries)
{
    f->block_count = (uint32_t)((entries * BITS_EACH + BLOCK_BITS - 1) / BLOCK_BITS + 1);
    f->bytes = mem_alloc_pages((size_t)f->block_count * INDEX_FILTER_BLOCK);
}

void index_filter_deinit(struct index_filter *f)
{
    free(f->bytes);
    *f = (struct index_filter){0};
}

static uint8_t *block_of(const struct index_filter *f, const struct chunk_id *id)
{
    uint64_t high = bytes_get_u64(id->bytes + 8) >> 32;

    return f->bytes + (size_t)(high * f->block_count >> 32) * INDEX_FILTER_BLOCK;
}

/* Nine bits for each of the probes, out of 80. */
static unsigned probe(const struct chunk_id *id, unsigned i)
{
    unsigned at = i * 9;

    return (bytes_get_u16(id->bytes + 16 + at / 8) >> (at % 8)) & (BLOCK_BITS - 1);
}

void index_filter_add(struct index_filter *f, const struct chunk_id *id)
{
    uint8_t *block = block_of(f, id);

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned bit = probe(id, i);
        block[bit / 8] |= (uint8_t)(1U << (bit % 8));
    }
}

bool index_filter_may_hold(const struct index_filter *f, const struct chunk_id *id)
{
    const uint8_t *block = block_of(f, id);

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned bit = probe(id, i);
        if ((block[bit / 8] & (1U << (bit % 8))) == 0)
            return false;
    }
    return true;
}
