/* Any bytes as the directory of a pack that is otherwise in order: refused, or chunks that lie one
 * behind the other in what is before it. Input: number of chunks (u32), directory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/pack_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(int rc)
{
    if (rc != 0)
        abort();
}

/* Boxes end where the directory begins, each inside its bounds. */
static void check(const struct pack_directory *d, uint64_t end)
{
    uint64_t offset = OBJECT_HEADER_LEN;

    for (size_t i = 0; i < d->count; i++) {
        const struct chunk_entry *x = &d->entries[i];
        if (d->offsets[i] != offset || x->length < 1 || x->length > CHUNK_MAX || x->stored < 1 ||
            x->stored > CHUNK_STORED_MAX)
            abort();
        offset += x->stored + (uint64_t)SEAL_TAG_LEN;
    }
    if (offset != end)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[SEAL_KEY_LEN] = {7};
    uint8_t nonce[SEAL_NONCE_LEN], trailer[PACK_TRAILER];
    struct pack_directory d = {0};
    struct seal_box *box = NULL;
    size_t need = 0;

    if (size < 4)
        return 0;
    size_t directory = size - 4, tail_len = directory + SEAL_TAG_LEN + PACK_TRAILER_BOX;
    uint64_t pack_len = (OBJECT_HEADER_LEN + tail_len + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    uint8_t *tail = mem_alloc(tail_len);
    insist(seal_box_open(key, &box, NULL));
    seal_nonce(nonce, pack_len - tail_len, SEAL_DIRECTORY);
    insist(seal_box_seal(box, nonce, NULL, 0, data + 4, directory, tail, NULL));
    bytes_put_u32(trailer, (uint32_t)directory + SEAL_TAG_LEN);
    bytes_put_u32(trailer + 4, bytes_get_u32(data));
    seal_nonce(nonce, pack_len - PACK_TRAILER_BOX, SEAL_TRAILER);
    insist(seal_box_seal(box, nonce, NULL, 0, trailer, sizeof(trailer),
                         tail + tail_len - PACK_TRAILER_BOX, NULL));
    if (pack_directory_read(box, pack_len, tail, tail_len, &d, &need, NULL) == 0)
        check(&d, pack_len - tail_len);
    pack_directory_deinit(&d);
    seal_box_free(box);
    free(tail);
    return 0;
}
