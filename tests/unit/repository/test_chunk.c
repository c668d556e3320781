/* A chunk's id and its stored forms: round trips, what is compressed and what is not, and whatever
 * hostile bytes may claim. */
#include <openssl/hmac.h>

#include "lib/repository/chunk.h"
#include "tests/unit/repository/keys_fixture.h"

struct world {
    struct keys *keys;
    struct chunk_coder *coder;
    struct err e;
};

static struct world *open_world(void)
{
    struct world *w = mem_alloc(sizeof(*w));

    w->keys = make_keys();
    ASSERT_OK(chunk_coder_new(w->keys, &w->coder, &w->e), w->e);
    return w;
}

static void close_world(struct world *w)
{
    chunk_coder_free(w->coder);
    keys_free(w->keys);
    free(w);
}

/* The stored form of data as an entry and bytes of its own. */
static struct chunk_entry encode(struct world *w, const uint8_t *data, size_t len, uint8_t **ret)
{
    struct chunk_entry x = {.length = (uint32_t)len, .kind = CHUNK_DATA};
    const void *stored;
    size_t stored_len;

    chunk_coder_id(w->coder, CHUNK_DATA, data, len, &x.id);
    ASSERT_OK(chunk_encode(w->coder, data, len, &stored, &stored_len, &x.codec, &w->e), w->e);
    x.stored = (uint32_t)stored_len;
    *ret = mem_copy(stored, stored_len);
    return x;
}

static void check_decodes(struct world *w, const struct chunk_entry *x, const uint8_t *stored,
                          const uint8_t *base, size_t base_len, const uint8_t *data)
{
    _cleanup_free_ uint8_t *out = mem_alloc(x->length);

    ASSERT_OK(chunk_decode(w->coder, x, stored, base, base_len, out, &w->e), w->e);
    ASSERT(memcmp(out, data, x->length) == 0);
}

TEST(every_length_and_kind_comes_back)
{
    static const size_t lengths[] = {1, 2, 17, 4096, 65536, 200000, 4 << 20, CHUNK_MAX};
    struct world *w = open_world();

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (const char *kind = "ctz"; *kind != '\0'; kind++) {
            uint8_t *data = make_bytes(lengths[i], *kind, i + 1), *stored;
            struct chunk_entry x = encode(w, data, lengths[i], &stored);
            check_decodes(w, &x, stored, NULL, 0, data);
            ASSERT(x.stored <= x.length);
            if (lengths[i] >= 4096)
                ASSERT_EQ(x.codec, *kind == 'c' ? CHUNK_RAW : CHUNK_ZSTD);
            free(stored);
            free(data);
        }
    close_world(w);
}

TEST(an_id_is_an_hmac_over_kind_and_bytes)
{
    struct world *w = open_world();
    static const size_t lengths[] = {0, 1, 54, 55, 56, 63, 64, 65, 1000};

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (int kind = CHUNK_DATA; kind <= CHUNK_SET; kind++) {
            uint8_t *bytes = make_bytes(lengths[i] + 1, 'c', i), wanted[32];
            struct chunk_id id;
            bytes[0] = (uint8_t)kind;
            ASSERT(HMAC(EVP_sha256(), w->keys->chunk_id, 32, bytes, lengths[i] + 1, wanted, NULL) !=
                   NULL);
            chunk_coder_id(w->coder, (enum chunk_kind)kind, bytes + 1, lengths[i], &id);
            ASSERT(memcmp(id.bytes, wanted, 32) == 0);
            free(bytes);
        }
    close_world(w);
}

TEST(references_are_text)
{
    struct chunk_ref r = {.id = {{0xab, 0x01}}, .length = CHUNK_MAX}, back;
    _cleanup_free_ char *text = chunk_ref_text(&r);
    struct err e = {0};

    ASSERT_OK(chunk_ref_parse(text, &back, &e), e);
    ASSERT(chunk_id_equal(&r.id, &back.id) && back.length == r.length);
    for (size_t len = 0; len < strlen(text); len++) { /* cut off; the length may lose digits */
        _cleanup_free_ char *cut = mem_strndup(text, len);
        if (len <= 65)
            ASSERT_ERR(chunk_ref_parse(cut, &back, &e), e, ERR_FORMAT);
    }
    static const char *const wrong[] = {":0",  ":8388609", ":-1", ":+1", ":1 ",
                                        ": 1", ":01",      "1",   ":"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        _cleanup_free_ char *bad = mem_printf("%.64s%s", text, wrong[i]);
        ASSERT_ERR(chunk_ref_parse(bad, &back, &e), e, ERR_FORMAT);
    }
    text[0] = 'A';
    ASSERT_ERR(chunk_ref_parse(text, &back, &e), e, ERR_FORMAT);
}

/* A delta of data against base; false: none is kept. */
static bool encode_delta(struct world *w, const uint8_t *data, size_t len, const uint8_t *base,
                         size_t base_len, struct chunk_entry *ret, uint8_t **ret_stored)
{
    uint8_t *whole;
    const void *stored;
    size_t stored_len;

    *ret = encode(w, data, len, &whole);
    int rc = chunk_encode_delta(w->coder, data, len, base, base_len, ret->stored, &stored,
                                &stored_len, &w->e);
    free(whole);
    ASSERT(rc >= 0);
    if (rc == 1)
        return false;
    ASSERT(stored_len * 2 < ret->stored);
    ret->codec = CHUNK_DELTA;
    ret->stored = (uint32_t)stored_len;
    chunk_coder_id(w->coder, CHUNK_DATA, base, base_len, &ret->base);
    *ret_stored = mem_copy(stored, stored_len);
    return true;
}

TEST(a_small_change_is_a_small_delta)
{
    static const size_t lengths[] = {4096, 131072, 524288, 4 << 20, CHUNK_MAX};
    struct world *w = open_world();

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (const char *kind = "ct"; *kind != '\0'; kind++) {
            uint8_t *base = make_bytes(lengths[i], *kind, 3), *stored;
            uint8_t *data = mem_copy(base, lengths[i]);
            struct chunk_entry x;
            memcpy(data + lengths[i] / 2, "changed", 7);
            ASSERT(encode_delta(w, data, lengths[i], base, lengths[i], &x, &stored));
            ASSERT(x.stored < 100 + lengths[i] / 500);
            check_decodes(w, &x, stored, base, lengths[i], data);
            free(stored);
            free(data);
            free(base);
        }
    close_world(w);
}

TEST(what_has_little_in_common_is_no_delta)
{
    struct world *w = open_world();
    uint8_t *data = make_bytes(100000, 't', 1), *base = make_bytes(100000, 't', 2), *stored;
    struct chunk_entry x;

    ASSERT(!encode_delta(w, data, 100000, base, 100000, &x, &stored));
    ASSERT(!encode_delta(w, data, 1, base, 100000, &x, &stored));
    ASSERT(!encode_delta(w, data, 100000, base, 0, &x, &stored));
    free(data);
    free(base);
    close_world(w);
}

/* The whole form outlives the attempt at a delta: the caller stores one of the two. */
TEST(a_refused_delta_leaves_the_whole_form_as_it_was)
{
    struct world *w = open_world();
    uint8_t *data = make_bytes(100000, 't', 1), *base = make_bytes(100000, 't', 2);
    const void *stored, *delta;
    enum chunk_codec codec;
    size_t len, delta_len;

    ASSERT_OK(chunk_encode(w->coder, data, 100000, &stored, &len, &codec, &w->e), w->e);
    uint8_t *before = mem_copy(stored, len);
    ASSERT_EQ(
        chunk_encode_delta(w->coder, data, 100000, base, 100000, len, &delta, &delta_len, &w->e),
        1);
    ASSERT(memcmp(stored, before, len) == 0);
    free(before);
    free(data);
    free(base);
    close_world(w);
}

/* zstd would take such bytes for a dictionary if it were let. */
TEST(a_base_that_begins_like_a_dictionary_is_none)
{
    static const uint8_t magic[] = {0x37, 0xa4, 0x30, 0xec, 1, 0, 0, 0};
    struct world *w = open_world();

    for (const char *kind = "ctz"; *kind != '\0'; kind++) {
        uint8_t *base = make_bytes(65536, *kind, 3), *data, *stored;
        struct chunk_entry x;
        memcpy(base, magic, sizeof(magic));
        data = mem_copy(base, 65536);
        data[9]++;
        ASSERT(encode_delta(w, data, 65536, base, 65536, &x, &stored) || *kind == 'z');
        if (*kind != 'z') {
            check_decodes(w, &x, stored, base, 65536, data);
            free(stored);
        }
        free(data);
        free(base);
    }
    close_world(w);
}

TEST(a_wrong_base_is_noticed)
{
    struct world *w = open_world();
    uint8_t *base = make_bytes(65536, 't', 3), *data = mem_copy(base, 65536), *stored;
    uint8_t *out = mem_alloc(65536);
    struct chunk_entry x;
    int refused = 0;

    data[100]++;
    ASSERT(encode_delta(w, data, 65536, base, 65536, &x, &stored));
    for (size_t i = 0; i < 65536; i += 257) {
        base[i] ^= 1;
        if (chunk_decode(w->coder, &x, stored, base, 65536, out, &w->e) == 0)
            ASSERT(memcmp(out, data, 65536) == 0); /* a byte that the delta does without */
        else
            refused++;
        base[i] ^= 1;
    }
    ASSERT(refused > 250);
    ASSERT_ERR(chunk_decode(w->coder, &x, stored, base, 65535, out, &w->e), w->e, ERR_DAMAGED);
    ASSERT_ERR(chunk_decode(w->coder, &x, stored, base, 1, out, &w->e), w->e, ERR_DAMAGED);
    ASSERT(chunk_decode(w->coder, &x, stored, NULL, 0, out, &w->e) < 0);
    test_note("%d wrong bases refused", refused);
    free(out);
    free(stored);
    free(data);
    free(base);
    close_world(w);
}

/* Every byte of a stored form flipped, cut at every length, and every field of its entry. */
TEST(damage_is_noticed)
{
    struct world *w = open_world();
    uint8_t *data = make_bytes(6000, 't', 3), *stored, *out = mem_alloc(CHUNK_MAX);
    struct chunk_entry x = encode(w, data, 6000, &stored), bad;
    int tried = 0;

    ASSERT_EQ(x.codec, CHUNK_ZSTD);
    for (size_t i = 0; i < x.stored; i++)
        for (unsigned bit = 0; bit < 8; bit++, tried++) {
            stored[i] ^= (uint8_t)(1U << bit);
            /* a flag without meaning may flip: then the bytes are right all the same */
            if (chunk_decode(w->coder, &x, stored, NULL, 0, out, &w->e) == 0)
                ASSERT(memcmp(out, data, 6000) == 0);
            stored[i] ^= (uint8_t)(1U << bit);
        }
    for (bad = x, bad.stored = 0; bad.stored < x.stored; bad.stored++, tried++)
        ASSERT_ERR(chunk_decode(w->coder, &bad, stored, NULL, 0, out, &w->e), w->e, ERR_DAMAGED);
    static const uint32_t lengths[] = {0, 1, 5999, 6001, CHUNK_MAX, CHUNK_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++, tried++) {
        bad = x;
        bad.length = lengths[i];
        ASSERT_ERR(chunk_decode(w->coder, &bad, stored, NULL, 0, out, &w->e), w->e, ERR_DAMAGED);
    }
    for (int kind = CHUNK_LIST; kind <= CHUNK_SET; kind++, tried++) {
        bad = x;
        bad.kind = (enum chunk_kind)kind;
        ASSERT_ERR(chunk_decode(w->coder, &bad, stored, NULL, 0, out, &w->e), w->e, ERR_DAMAGED);
    }
    bad = x;
    bad.codec = CHUNK_RAW;
    ASSERT_ERR(chunk_decode(w->coder, &bad, stored, NULL, 0, out, &w->e), w->e, ERR_DAMAGED);
    test_note("%d damages tried", tried);
    free(out);
    free(stored);
    free(data);
    close_world(w);
}

static void check_refused(struct world *w, const uint8_t *frame, size_t len, uint32_t length)
{
    struct chunk_entry x = {
        .stored = (uint32_t)len, .length = length, .codec = CHUNK_ZSTD, .kind = CHUNK_DATA};
    uint8_t *out = mem_alloc(length);

    ASSERT_ERR(chunk_decode(w->coder, &x, frame, NULL, 0, out, &w->e), w->e, ERR_DAMAGED);
    free(out);
}

TEST(only_one_modest_frame_is_expanded)
{
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
    /* an empty last block behind each header: dictionary id, reserved bit, window 2^24 and an eighth,
     * 2^41 */
    static const uint8_t frames[][16] = {
        {0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 1, 1, 0, 0},
        {0x28, 0xb5, 0x2f, 0xfd, 0x28, 1, 1, 0, 0},
        {0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3 | 1, 1, 0, 0},
        {0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 1, 0, 0},
    };
    static const size_t lengths[] = {10, 9, 9, 9};
    struct world *w = open_world();
    uint8_t *data = make_bytes(6000, 't', 3), *stored, *twice;

    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        check_refused(w, frames[i], lengths[i], 1);
    check_refused(w, skippable, sizeof(skippable), 1);
    struct chunk_entry x = encode(w, data, 6000, &stored);
    twice = mem_alloc(2 * x.stored + sizeof(skippable));
    memcpy(twice, stored, x.stored);
    memcpy(twice + x.stored, stored, x.stored);
    check_refused(w, twice, 2 * x.stored, 6000);
    check_refused(w, twice, 2 * x.stored, 12000);
    memcpy(twice + x.stored, skippable, sizeof(skippable));
    check_refused(w, twice, x.stored + sizeof(skippable), 6000);
    memcpy(twice, skippable, sizeof(skippable));
    memcpy(twice + sizeof(skippable), stored, x.stored);
    check_refused(w, twice, x.stored + sizeof(skippable), 6000);
    free(twice);
    free(stored);
    free(data);
    close_world(w);
}

/* A frame that swells to gigabytes ends at the length that the directory has. */
TEST(a_bomb_does_not_go_off)
{
    struct world *w = open_world();
    uint8_t *data = make_bytes(CHUNK_MAX, 'z', 3), *stored;
    struct chunk_entry x = encode(w, data, CHUNK_MAX, &stored);

    ASSERT(x.stored < 4096);
    for (uint32_t length = 1; length < CHUNK_MAX; length *= 8)
        check_refused(w, stored, x.stored, length);
    free(stored);
    free(data);
    close_world(w);
}
