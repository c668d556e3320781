/* A gear hash: each byte shifts in one word of a secret table, so the hash is of the last 64 bytes;
 * a cut is where it falls below a threshold. What is skipped is a quarter of a stream. */
#include "lib/repository/cutter.h"

#include <string.h>

#include "lib/repository/seal.h"

enum { WINDOW = 64, KEY = 32, LANE = 4096 };

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

/* The hash of the WINDOW - 1 bytes before at: the next one completes it. */
static uint64_t hash_before(const struct cutter *c, const uint8_t *at)
{
    uint64_t hash = 0;

    for (int i = 1 - WINDOW; i < 0; i++)
        hash = (hash << 1) + c->table[at[i]];
    return hash;
}

/* The end of the first chunk that ends behind one of the bytes from at to end; 0: none does. */
static size_t find_in(const struct cutter *c, const uint8_t *data, size_t at, size_t end,
                      uint64_t hash)
{
    for (; at < end; at++) {
        hash = (hash << 1) + c->table[data[at]];
        if (hash < c->threshold)
            return at + 1;
    }
    return 0;
}

/* As find_in of 2 * LANE bytes. Each step waits for the one before: two lanes side by side fill one
 * another's waits. */
static size_t find_in_lanes(const struct cutter *c, const uint8_t *data, size_t at, uint64_t *hash)
{
    const uint8_t *first = data + at, *second = first + LANE;
    uint64_t x = *hash, y = hash_before(c, second);

    for (size_t i = 0; i < LANE; i++) {
        x = (x << 1) + c->table[first[i]];
        y = (y << 1) + c->table[second[i]];
        if (x < c->threshold)
            return at + i + 1;
        if (y < c->threshold) {
            size_t earlier = find_in(c, data, at + i + 1, at + LANE, x);
            return earlier > 0 ? earlier : at + LANE + i + 1;
        }
    }
    *hash = y;
    return 0;
}

size_t cutter_find(const struct cutter *c, const uint8_t *data, size_t len)
{
    size_t end = len < c->sizes.max ? len : c->sizes.max, at = c->sizes.min - 1, found = 0;

    if (len < c->sizes.min)
        return 0;
    uint64_t hash = hash_before(c, data + at);
    for (; found == 0 && end - at >= (size_t)2 * LANE; at += (size_t)2 * LANE)
        found = find_in_lanes(c, data, at, &hash);
    if (found == 0)
        found = find_in(c, data, at, end, hash);
    return found > 0 ? found : end == c->sizes.max ? end : 0;
}
