/* Everything here was at the mercy of whoever keeps the packs, and is checked as such. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/pack_layout.h"

int pack_open(const struct keys *k, const uint8_t header[OBJECT_HEADER_LEN], struct seal_box **ret,
              enum object_class *ret_class, struct err *e)
{
    uint8_t key[SEAL_KEY_LEN];
    int rc = keys_object_open(k, PACK_MAGIC, header, ret_class, key, e);

    if (rc == 0)
        rc = seal_box_open(key, ret, e);
    seal_wipe(key, sizeof(key));
    return rc;
}

static int unbox(struct seal_box *b, uint64_t offset, enum seal_kind kind, const void *box,
                 size_t len, void *out, struct err *e)
{
    uint8_t nonce[SEAL_NONCE_LEN];

    seal_nonce(nonce, offset, kind);
    return seal_box_unseal(b, nonce, NULL, 0, box, len + SEAL_TAG_LEN, out, e);
}

int pack_unbox(struct seal_box *b, uint64_t offset, const void *box, size_t stored_len, void *out,
               struct err *e)
{
    return unbox(b, offset, SEAL_ITEM, box, stored_len, out, e);
}

/* One entry's bytes; 0: it is not there whole, or says what cannot be. */
static size_t read_entry(const uint8_t *at, size_t left, struct chunk_entry *ret)
{
    if (left < PACK_ENTRY)
        return 0;
    memcpy(ret->id.bytes, at, CHUNK_ID_LEN);
    at += CHUNK_ID_LEN;
    ret->stored = bytes_get_u32(at);
    ret->length = bytes_get_u32(at + 4);
    if (at[8] > CHUNK_DELTA || at[9] < CHUNK_DATA || at[9] > CHUNK_SET)
        return 0;
    ret->codec = (enum chunk_codec)at[8];
    ret->kind = (enum chunk_kind)at[9];
    if (ret->stored < 1 || ret->stored > CHUNK_STORED_MAX || ret->length < 1 ||
        ret->length > CHUNK_MAX || (ret->codec == CHUNK_RAW && ret->stored != ret->length))
        return 0;
    if (ret->codec != CHUNK_DELTA)
        return PACK_ENTRY;
    if (left < PACK_ENTRY_DELTA)
        return 0;
    memcpy(ret->base.bytes, at + 10, CHUNK_ID_LEN);
    return chunk_id_equal(&ret->id, &ret->base) ? 0 : PACK_ENTRY_DELTA;
}

static bool is_zero(const uint8_t *at, size_t len)
{
    return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

/* `end`: where the boxes of chunks must end. */
static int parse(const uint8_t *at, size_t left, size_t count, uint64_t end,
                 struct pack_directory *ret, struct err *e)
{
    uint64_t offset = OBJECT_HEADER_LEN;

    ret->entries = mem_alloc(count * sizeof(*ret->entries));
    ret->offsets = mem_alloc(count * sizeof(*ret->offsets));
    for (; ret->count < count; ret->count++) {
        struct chunk_entry *x = &ret->entries[ret->count];
        size_t len = read_entry(at, left, x);
        if (len == 0 || x->stored + (uint64_t)SEAL_TAG_LEN > end - offset)
            return err_set(e, ERR_DAMAGED, "entry %zu of its directory is wrong", ret->count);
        ret->offsets[ret->count] = (uint32_t)offset;
        offset += x->stored + (uint64_t)SEAL_TAG_LEN;
        at += len;
        left -= len;
    }
    if (offset != end || !is_zero(at, left))
        return err_set(e, ERR_DAMAGED, "its directory does not fit its chunks");
    return 0;
}

int pack_directory_read(struct seal_box *b, uint64_t pack_len, const void *tail, size_t tail_len,
                        struct pack_directory *ret, size_t *ret_need, struct err *e)
{
    const uint8_t *end = (const uint8_t *)tail + tail_len;
    uint8_t trailer[PACK_TRAILER];

    *ret = (struct pack_directory){0};
    if (pack_len > PACK_MAX || pack_len < PACK_ALIGN || pack_len % PACK_ALIGN != 0)
        return err_set(e, ERR_DAMAGED, "it has a length that no pack has");
    *ret_need = PACK_ALIGN;
    if (tail_len < PACK_TRAILER_BOX)
        return 1;
    end -= PACK_TRAILER_BOX;
    if (unbox(b, pack_len - PACK_TRAILER_BOX, SEAL_TRAILER, end, PACK_TRAILER, trailer, e) < 0)
        return err_wrap(e, "its trailer");
    size_t box = bytes_get_u32(trailer), count = bytes_get_u32(trailer + 4);
    if (box < SEAL_TAG_LEN || box > pack_len - OBJECT_HEADER_LEN - PACK_TRAILER_BOX ||
        count > PACK_CHUNKS_MAX || count > (box - SEAL_TAG_LEN) / PACK_ENTRY)
        return err_set(e, ERR_DAMAGED, "its trailer says what cannot be");
    *ret_need = box + PACK_TRAILER_BOX;
    if (tail_len < *ret_need)
        return 1;
    uint64_t begin = pack_len - PACK_TRAILER_BOX - box;
    size_t len = box - SEAL_TAG_LEN;
    _cleanup_free_ uint8_t *plain = mem_alloc(len);
    if (unbox(b, begin, SEAL_DIRECTORY, end - box, len, plain, e) < 0)
        return err_wrap(e, "its directory");
    if (parse(plain, len, count, begin, ret, e) < 0) {
        pack_directory_deinit(ret);
        return -1;
    }
    return 0;
}

void pack_directory_deinit(struct pack_directory *d)
{
    free(d->entries);
    free(d->offsets);
    *d = (struct pack_directory){0};
}
