#define OPENSSL_SUPPRESS_DEPRECATED /* a digest's state that can be copied has no other home */

#include "lib/repository/chunk.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/chunk_zstd.h"

bool chunk_id_equal(const struct chunk_id *a, const struct chunk_id *b)
{
    return memcmp(a->bytes, b->bytes, CHUNK_ID_LEN) == 0;
}

void chunk_id_hex(const struct chunk_id *id, char ret[65])
{
    hex_encode(id->bytes, CHUNK_ID_LEN, ret);
}

char *chunk_ref_text(const struct chunk_ref *r)
{
    char hex[65];

    chunk_id_hex(&r->id, hex);
    return mem_printf("%s:%u", hex, r->length);
}

int chunk_ref_parse(const char *text, struct chunk_ref *ret, struct err *e)
{
    enum { HEX = 2 * CHUNK_ID_LEN };
    _cleanup_free_ char *hex = mem_strndup(text, HEX);
    int64_t length;

    if (strlen(hex) != HEX || text[HEX] != ':' || text[HEX + 1] == '0' ||
        strspn(hex, "0123456789abcdef") != HEX || hex_decode(hex, ret->id.bytes, CHUNK_ID_LEN) < 0)
        return err_set(e, ERR_FORMAT, "not a chunk's id and length");
    if (str_to_i64(text + HEX + 1, 1, CHUNK_MAX, &length, e) < 0)
        return err_wrap(e, "length of a chunk");
    ret->length = (uint32_t)length;
    return 0;
}

/* HMAC (RFC 2104) with what hangs on the key alone done once. */
struct chunk_coder {
    SHA256_CTX inner, outer; /* secret */
    struct chunk_zstd *zstd;
    bool stubborn;          /* the last chunk was not made smaller: look before the next is tried */
    uint8_t *whole, *delta; /* owned; grow on demand */
    size_t whole_cap, delta_cap;
};

/* What hangs on the key alone. SHA256_Init and _Update never fail. */
static void begin_keyed(SHA256_CTX *c, const uint8_t key[32], uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < 32; i++)
        block[i] ^= key[i];
    (void)SHA256_Init(c);
    (void)SHA256_Update(c, block, sizeof(block));
    mem_wipe(block, sizeof(block));
}

int chunk_coder_new(const struct keys *k, struct chunk_coder **ret, struct err *e)
{
    struct chunk_coder *c = mem_alloc(sizeof(*c));

    (void)e;
    begin_keyed(&c->inner, k->chunk_id, 0x36);
    begin_keyed(&c->outer, k->chunk_id, 0x5c);
    c->zstd = chunk_zstd_new();
    *ret = c;
    return 0;
}

void chunk_coder_free(struct chunk_coder *c)
{
    if (c == NULL)
        return;
    chunk_zstd_free(c->zstd);
    mem_room_free(c->whole, c->whole_cap);
    mem_room_free(c->delta, c->delta_cap);
    mem_wipe(c, sizeof(*c));
    free(c);
}

void chunk_coder_id(struct chunk_coder *c, enum chunk_kind kind, const void *data, size_t len,
                    struct chunk_id *ret)
{
    SHA256_CTX inner = c->inner, outer = c->outer;
    uint8_t digest[SHA256_DIGEST_LENGTH], first = (uint8_t)kind;

    (void)SHA256_Update(&inner, &first, 1);
    (void)SHA256_Update(&inner, data, len);
    (void)SHA256_Final(digest, &inner);
    (void)SHA256_Update(&outer, digest, sizeof(digest));
    (void)SHA256_Final(ret->bytes, &outer);
}

static void trim(uint8_t **buffer, size_t *cap)
{
    enum { KEPT = 1 << 20 };

    if (*cap <= KEPT)
        return;
    mem_room_free(TAKE(*buffer), *cap);
    *cap = 0;
}

void chunk_coder_trim(struct chunk_coder *c)
{
    trim(&c->whole, &c->whole_cap);
    trim(&c->delta, &c->delta_cap);
}

/* Old content is not kept. Pages that nothing writes to cost nothing. */
static void have_room(uint8_t **buffer, size_t *cap, size_t len)
{
    if (*cap >= len)
        return;
    mem_room_free(*buffer, *cap);
    *buffer = mem_room_new(len);
    *cap = len;
}

/* Bad memory and broken codecs lose backups that nobody notices until they are needed. */
static int check_form(struct chunk_coder *c, const void *frame, size_t frame_len, const void *base,
                      size_t base_len, const void *data, size_t len, struct err *e)
{
    if (chunk_zstd_check(c->zstd, frame, frame_len, base, base_len, data, len, e) < 0)
        return err_wrap(e, "a chunk that was just compressed");
    return 0;
}

int chunk_encode(struct chunk_coder *c, const void *data, size_t len, const void **ret_stored,
                 size_t *ret_len, enum chunk_codec *ret_codec, struct err *e)
{
    size_t made = 0;
    int rc = 1;

    if (len > 1 && (!c->stubborn || chunk_zstd_worthwhile(c->zstd, data, len))) {
        have_room(&c->whole, &c->whole_cap, len - 1);
        rc = chunk_zstd_compress(c->zstd, data, len, NULL, 0, c->whole, len - 1, &made, e);
    }
    if (rc < 0 || (rc == 0 && check_form(c, c->whole, made, NULL, 0, data, len, e) < 0))
        return -1;
    c->stubborn = rc == 1;
    *ret_codec = rc == 0 ? CHUNK_ZSTD : CHUNK_RAW;
    *ret_stored = rc == 0 ? c->whole : data;
    *ret_len = rc == 0 ? made : len;
    return 0;
}

int chunk_encode_delta(struct chunk_coder *c, const void *data, size_t len, const void *base,
                       size_t base_len, size_t whole_len, const void **ret_stored, size_t *ret_len,
                       struct err *e)
{
    size_t most = (whole_len - 1) / 2; /* under half */
    int rc;

    if (whole_len < 2 || base_len == 0)
        return 1;
    have_room(&c->delta, &c->delta_cap, most);
    rc = chunk_zstd_compress(c->zstd, data, len, base, base_len, c->delta, most, ret_len, e);
    if (rc == 0 && check_form(c, c->delta, *ret_len, base, base_len, data, len, e) < 0)
        return -1;
    *ret_stored = c->delta;
    return rc;
}

static int expand(struct chunk_coder *c, const struct chunk_entry *entry, const void *stored,
                  const void *base, size_t base_len, void *out, struct err *e)
{
    switch (entry->codec) {
    case CHUNK_RAW:
        if (entry->stored != entry->length)
            return err_set(e, ERR_DAMAGED, "its two lengths differ");
        memcpy(out, stored, entry->length);
        return 0;
    case CHUNK_ZSTD:
        return chunk_zstd_expand(c->zstd, stored, entry->stored, NULL, 0, out, entry->length, e);
    case CHUNK_DELTA:
        if (base == NULL)
            return err_set(e, ERR_INTERNAL, "its base is not at hand");
        return chunk_zstd_expand(c->zstd, stored, entry->stored, base, base_len, out, entry->length,
                                 e);
    }
    return err_set(e, ERR_DAMAGED, "its codec is unknown");
}

int chunk_decode(struct chunk_coder *c, const struct chunk_entry *entry, const void *stored,
                 const void *base, size_t base_len, void *out, struct err *e)
{
    struct chunk_id id;
    char hex[65];

    chunk_id_hex(&entry->id, hex);
    if (entry->length < 1 || entry->length > CHUNK_MAX || entry->stored < 1 ||
        entry->stored > CHUNK_STORED_MAX || base_len > CHUNK_MAX)
        return err_set(e, ERR_DAMAGED, "chunk %s: its lengths are out of bounds", hex);
    if (expand(c, entry, stored, base, base_len, out, e) < 0)
        return err_wrap(e, "chunk %s", hex);
    chunk_coder_id(c, entry->kind, out, entry->length, &id);
    if (!chunk_id_equal(&id, &entry->id))
        return err_set(e, ERR_DAMAGED, "chunk %s: its bytes are not what was written", hex);
    return 0;
}
