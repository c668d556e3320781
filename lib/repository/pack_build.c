/* The digest that is a pack's name is taken of each box as it is made, while the processor still has
 * it at hand. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_CTX needs no memory of its own and never fails */

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/pack_layout.h"

struct pack_builder {
    const struct keys *keys; /* borrowed */
    struct seal_box *box;
    SHA256_CTX digest;
    uint8_t *data; /* owned; PACK_MAX */
    size_t len;
    size_t directory_len; /* plain, so far */
    struct chunk_entry *entries;
    uint32_t *offsets;
    size_t count, cap;
};

void pack_object_name(const struct pack_name *n, char ret[80])
{
    char hex[65];

    hex_encode(n->bytes, sizeof(n->bytes), hex);
    (void)snprintf(ret, 80, "packs/%.2s/%s", hex, hex);
}

int pack_name_parse(const char *object_name, struct pack_name *ret, struct err *e)
{
    char again[80];

    if (strlen(object_name) != strlen("packs/ab/") + 64 ||
        hex_decode(object_name + strlen("packs/ab/"), ret->bytes, sizeof(ret->bytes)) < 0)
        return err_set(e, ERR_FORMAT, "not the name of a pack");
    pack_object_name(ret, again);
    if (strcmp(again, object_name) != 0)
        return err_set(e, ERR_FORMAT, "not the name of a pack");
    return 0;
}

int pack_builder_reset(struct pack_builder *b, enum object_class class, struct err *e)
{
    uint8_t key[SEAL_KEY_LEN];
    int rc;

    seal_box_free(TAKE(b->box));
    if (b->len > PACK_FULL) { /* a long chunk's memory is not kept */
        mem_room_free(b->data, PACK_MAX);
        b->data = mem_room_new(PACK_MAX);
    }
    rc = keys_object_new(b->keys, PACK_MAGIC, class, b->data, key, e);
    if (rc == 0)
        rc = seal_box_open(key, &b->box, e);
    seal_wipe(key, sizeof(key));
    b->len = OBJECT_HEADER_LEN;
    b->directory_len = 0;
    b->count = 0;
    (void)SHA256_Init(&b->digest);
    (void)SHA256_Update(&b->digest, b->data, OBJECT_HEADER_LEN);
    return rc;
}

int pack_builder_new(const struct keys *k, enum object_class class, struct pack_builder **ret,
                     struct err *e)
{
    struct pack_builder *b = mem_alloc(sizeof(*b));

    b->keys = k;
    b->data = mem_room_new(PACK_MAX); /* on a page: so it may go past the page cache */
    if (pack_builder_reset(b, class, e) < 0) {
        pack_builder_free(b);
        return -1;
    }
    *ret = b;
    return 0;
}

void pack_builder_free(struct pack_builder *b)
{
    if (b == NULL)
        return;
    seal_box_free(b->box);
    mem_room_free(b->data, PACK_MAX);
    free(b->entries);
    free(b->offsets);
    free(b);
}

/* With everything that comes behind so many bytes of boxes and of directory. */
static size_t whole_len(size_t boxes_end, size_t directory_len)
{
    size_t len = boxes_end + directory_len + SEAL_TAG_LEN + PACK_TRAILER_BOX;

    return (len + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
}

bool pack_builder_fits(const struct pack_builder *b, size_t stored_len)
{
    return b->count == 0 || (b->count < PACK_CHUNKS_MAX &&
                             whole_len(b->len + stored_len + SEAL_TAG_LEN,
                                       b->directory_len + PACK_ENTRY_DELTA) <= PACK_FULL);
}

size_t pack_builder_count(const struct pack_builder *b)
{
    return b->count;
}

/* Behind what is there; the plain bytes may lie there already. */
static int append_box(struct pack_builder *b, enum seal_kind kind, const void *data, size_t len,
                      struct err *e)
{
    uint8_t nonce[SEAL_NONCE_LEN], *out = b->data + b->len;

    seal_nonce(nonce, b->len, kind);
    if (seal_box_seal(b->box, nonce, NULL, 0, data, len, out, e) < 0)
        return err_wrap(e, "encrypt a pack");
    (void)SHA256_Update(&b->digest, out, len + SEAL_TAG_LEN);
    b->len += len + SEAL_TAG_LEN;
    return 0;
}

static void remember(struct pack_builder *b, const struct chunk_entry *entry, uint32_t offset)
{
    if (b->count == b->cap) {
        b->cap = b->cap == 0 ? 64 : b->cap * 2;
        b->entries = mem_resize_array(b->entries, b->cap, sizeof(*b->entries));
        b->offsets = mem_resize_array(b->offsets, b->cap, sizeof(*b->offsets));
    }
    b->entries[b->count] = *entry;
    b->offsets[b->count++] = offset;
    b->directory_len += entry->codec == CHUNK_DELTA ? PACK_ENTRY_DELTA : PACK_ENTRY;
}

int pack_builder_add(struct pack_builder *b, const struct chunk_entry *entry, const void *stored,
                     uint32_t *ret_offset, struct err *e)
{
    uint32_t offset = (uint32_t)b->len;

    if (entry->stored > CHUNK_STORED_MAX || !pack_builder_fits(b, entry->stored))
        return err_set(e, ERR_INTERNAL, "a pack has no room for a chunk of %u bytes",
                       entry->stored);
    if (append_box(b, SEAL_ITEM, stored, entry->stored, e) < 0)
        return -1;
    remember(b, entry, offset);
    *ret_offset = offset;
    return 0;
}

static uint8_t *write_entry(uint8_t *at, const struct chunk_entry *x)
{
    memcpy(at, x->id.bytes, CHUNK_ID_LEN);
    at += CHUNK_ID_LEN;
    bytes_put_u32(at, x->stored);
    bytes_put_u32(at + 4, x->length);
    at[8] = (uint8_t)x->codec;
    at[9] = (uint8_t)x->kind;
    at += 10;
    if (x->codec != CHUNK_DELTA)
        return at;
    memcpy(at, x->base.bytes, CHUNK_ID_LEN);
    return at + CHUNK_ID_LEN;
}

int pack_builder_finish(struct pack_builder *b, struct pack_built *ret, struct err *e)
{
    size_t total = whole_len(b->len, b->directory_len);
    size_t directory = total - b->len - SEAL_TAG_LEN - PACK_TRAILER_BOX; /* filling included */
    uint8_t *begin = b->data + b->len, *at = begin, trailer[PACK_TRAILER];

    for (size_t i = 0; i < b->count; i++)
        at = write_entry(at, &b->entries[i]);
    memset(at, 0, directory - b->directory_len);
    bytes_put_u32(trailer, (uint32_t)directory + SEAL_TAG_LEN);
    bytes_put_u32(trailer + 4, (uint32_t)b->count);
    if (append_box(b, SEAL_DIRECTORY, begin, directory, e) < 0 ||
        append_box(b, SEAL_TRAILER, trailer, sizeof(trailer), e) < 0)
        return -1;
    (void)SHA256_Final(ret->name.bytes, &b->digest);
    ret->data = b->data;
    ret->len = b->len;
    ret->entries = b->entries;
    ret->offsets = b->offsets;
    ret->count = b->count;
    return 0;
}
