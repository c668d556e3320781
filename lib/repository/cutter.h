/* cutter.h — where streams are cut: by content, with a keyed rolling hash. Pure.
 *
 * What is inserted or removed moves the cuts near it and no others. The bytes up to `min` behind a
 * cut are skipped, not hashed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cutter_sizes {
    uint32_t min, average, max;
};
extern const struct cutter_sizes cutter_stream; /* 32, 128, 512 KiB: dumps, outputs */
extern const struct cutter_sizes cutter_list;   /* 16, 64, 256 KiB: list streams */

struct cutter {
    uint64_t table[256], threshold;
    struct cutter_sizes sizes;
};
/* key: keys.cutting. */
void cutter_init(struct cutter *c, const uint8_t key[32], const struct cutter_sizes *sizes);
/* The length of the first chunk of data, which begins at a cut. 0: no cut within len, more bytes are
 * needed (never when len >= max); at the end of the stream what is left is a chunk. */
size_t cutter_find(const struct cutter *c, const uint8_t *data, size_t len);
