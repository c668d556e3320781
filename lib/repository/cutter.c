/* A gear hash: each byte shifts in one word of a secret table, so the hash is of the last 64 bytes;
 * a cut is where it falls below a threshold. What is skipped is a quarter of a stream. */
#include "lib/repository/cutter.h"

#include <string.h>

#include "lib/repository/seal.h"

enum { WINDOW = 64, KEY = 32 };

const struct cutter_sizes cutter_stream = {32 << 10, 128 << 10, 512 << 10};
const struct cutter_sizes cutter_list = {16 << 10, 64 << 10, 256 << 10};

void cutter_init(struct cutter *c, const uint8_t key[KEY], const struct cutter_sizes *sizes)
{
    uint8_t block[KEY + 1], digest[SEAL_HASH_LEN];

    c->sizes = *sizes;
    c->threshold = UINT64_MAX / (sizes->average - sizes->min);
    memcpy(block, key, KEY);
    for (unsigned i = 0; i < 256; i++) {
        block[KEY] = (uint8_t)i;
        seal_sha256(block, sizeof(block), digest);
        memcpy(&c->table[i], digest, sizeof(c->table[i]));
    }
    seal_wipe(block, sizeof(block));
    seal_wipe(digest, sizeof(digest));
}

size_t cutter_find(const struct cutter *c, const uint8_t *data, size_t len)
{
    size_t end = len < c->sizes.max ? len : c->sizes.max;
    uint64_t hash = 0;

    if (len < c->sizes.min)
        return 0;
    size_t at = c->sizes.min - WINDOW;
    for (; at < c->sizes.min - 1; at++)
        hash = (hash << 1) + c->table[data[at]];
    for (; at < end; at++) {
        hash = (hash << 1) + c->table[data[at]];
        if (hash < c->threshold)
            return at + 1;
    }
    return end == c->sizes.max ? end : 0;
}
