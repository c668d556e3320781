/* Any bytes as the stored form of a chunk, whole or against a base: refused, or the same bytes each
 * time. Input: 1 for a base (u8), length (u32), frame. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/chunk.h"
#include "lib/repository/chunk_zstd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 5, LENGTH_MAX = 1 << 20, BASE = 4096 };

/* The id cannot be guessed, so this is always refused. */
static void decode(const uint8_t *data, size_t size, const uint8_t *base, uint32_t length)
{
    static struct keys keys;
    struct chunk_entry x = {.stored = (uint32_t)size,
                            .length = length,
                            .codec = base != NULL ? CHUNK_DELTA : CHUNK_ZSTD,
                            .kind = CHUNK_DATA};
    uint8_t *out = mem_alloc(length);
    struct chunk_coder *c = NULL;

    if (chunk_coder_new(&keys, &c, NULL) < 0 ||
        chunk_decode(c, &x, data, base, base == NULL ? 0 : BASE, out, NULL) == 0)
        abort();
    chunk_coder_free(c);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t base[BASE], *first, *second;

    if (size < HEAD)
        return 0;
    for (size_t i = 0; i < BASE; i++)
        base[i] = (uint8_t)(i * i >> 3);
    const uint8_t *with = data[0] == 1 ? base : NULL;
    uint32_t length = bytes_get_u32(data + 1) % LENGTH_MAX;
    data += HEAD;
    size -= HEAD;
    first = mem_alloc(length);
    second = mem_alloc(length);
    struct chunk_zstd *z = chunk_zstd_new();
    int rc = chunk_zstd_expand(z, data, size, with, BASE, first, length, NULL);
    if (rc != chunk_zstd_expand(z, data, size, with, BASE, second, length, NULL) ||
        (rc == 0 && memcmp(first, second, length) != 0))
        abort();
    chunk_zstd_free(z);
    free(first);
    free(second);
    decode(data, size, with, length);
    return 0;
}
