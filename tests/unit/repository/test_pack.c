/* Packs: built, opened again, and every damage noticed. */
#include "lib/base/bytes.h"
#include "lib/repository/pack_layout.h"
#include "tests/unit/repository/keys_fixture.h"

struct world {
    struct keys *keys;
    struct pack_builder *builder;
    struct err e;
};

static struct world *open_world(enum object_class class)
{
    struct world *w = mem_alloc(sizeof(*w));

    w->keys = make_keys();
    ASSERT_OK(pack_builder_new(w->keys, class, &w->builder, &w->e), w->e);
    return w;
}

static void close_world(struct world *w)
{
    pack_builder_free(w->builder);
    keys_free(w->keys);
    free(w);
}

/* Entry number i of a pack; every third is a delta. */
static struct chunk_entry entry_of(size_t i, uint32_t len)
{
    struct chunk_entry x = {.stored = len, .length = len, .kind = (enum chunk_kind)(1 + i % 3)};

    bytes_put_u64(x.id.bytes, i + 1);
    x.codec = (enum chunk_codec)(i % 3);
    if (x.codec == CHUNK_DELTA)
        memset(x.base.bytes, 0xbb, CHUNK_ID_LEN);
    return x;
}

static struct pack_built build(struct world *w, size_t count, uint32_t len, const uint8_t *data)
{
    struct pack_built built = {0};
    uint32_t offset;

    for (size_t i = 0; i < count; i++) {
        struct chunk_entry x = entry_of(i, len);
        ASSERT(pack_builder_fits(w->builder, len));
        ASSERT_OK(pack_builder_add(w->builder, &x, data, &offset, &w->e), w->e);
    }
    ASSERT_OK(pack_builder_finish(w->builder, &built, &w->e), w->e);
    return built;
}

static int open_directory(struct world *w, const uint8_t *pack, size_t len,
                          struct pack_directory *ret)
{
    struct seal_box *box = NULL;
    enum object_class class;
    size_t need;
    int rc = pack_open(w->keys, pack, &box, &class, &w->e);

    if (rc == 0)
        rc = pack_directory_read(box, len, pack, len, ret, &need, &w->e);
    seal_box_free(box);
    return rc;
}

static void check_pack(struct world *w, const struct pack_built *p, size_t count, uint32_t len,
                       const uint8_t *data)
{
    uint8_t digest[32], *out = mem_alloc(len);
    struct pack_directory d;
    struct seal_box *box = NULL;
    enum object_class class;

    seal_sha256(p->data, p->len, digest);
    ASSERT(memcmp(digest, p->name.bytes, 32) == 0);
    ASSERT(p->len % PACK_ALIGN == 0 && p->len <= PACK_MAX);
    ASSERT_OK(open_directory(w, p->data, p->len, &d), w->e);
    ASSERT_EQ(d.count, count);
    ASSERT_EQ(p->count, count);
    ASSERT_OK(pack_open(w->keys, p->data, &box, &class, &w->e), w->e);
    for (size_t i = 0; i < count; i++) {
        struct chunk_entry x = entry_of(i, len);
        ASSERT(memcmp(&x, &d.entries[i], sizeof(x)) == 0);
        ASSERT_EQ(d.offsets[i], p->offsets[i]);
        ASSERT_OK(pack_unbox(box, d.offsets[i], p->data + d.offsets[i], len, out, &w->e), w->e);
        ASSERT(memcmp(out, data, len) == 0);
        /* a box elsewhere is not that box */
        ASSERT_ERR(pack_unbox(box, d.offsets[i] + 1U, p->data + d.offsets[i], len, out, &w->e),
                   w->e, ERR_DAMAGED);
    }
    seal_box_free(box);
    pack_directory_deinit(&d);
    free(out);
}

TEST(packs_of_every_size_come_back)
{
    static const struct {
        size_t count;
        uint32_t len;
    } shapes[] = {{0, 1},       {1, 1},     {1, 65536}, {1, CHUNK_MAX},
                  {2, 3 << 19}, {500, 777}, {30000, 1}, {800, 5000}};
    struct world *w = open_world(OBJECT_DATA);
    uint8_t *data = make_bytes(CHUNK_MAX, 'c', 1);

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct pack_built p = build(w, shapes[i].count, shapes[i].len, data);
        check_pack(w, &p, shapes[i].count, shapes[i].len, data);
        ASSERT_OK(pack_builder_reset(w->builder, OBJECT_DATA, &w->e), w->e);
    }
    free(data);
    close_world(w);
}

/* Filled until nothing fits any more, at lengths that end anywhere between two multiples. */
TEST(a_full_pack_is_never_too_long)
{
    struct world *w = open_world(OBJECT_LISTS);
    uint8_t *data = make_bytes(1 << 20, 'c', 1);
    static const uint32_t lengths[] = {1 << 20, 131072, 100003, 65536 - 16, 65536 - 90, 33333};
    uint32_t offset;

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct pack_built p;
        size_t count = 0;
        for (; pack_builder_fits(w->builder, lengths[i]); count++) {
            struct chunk_entry x = entry_of(count, lengths[i]);
            ASSERT_OK(pack_builder_add(w->builder, &x, data, &offset, &w->e), w->e);
        }
        struct chunk_entry x = entry_of(count, lengths[i]);
        ASSERT_ERR(pack_builder_add(w->builder, &x, data, &offset, &w->e), w->e, ERR_INTERNAL);
        ASSERT_OK(pack_builder_finish(w->builder, &p, &w->e), w->e);
        check_pack(w, &p, count, lengths[i], data);
        ASSERT(p.len <= PACK_FULL && p.len > PACK_FULL - 2 * PACK_ALIGN - lengths[i]);
        ASSERT_OK(pack_builder_reset(w->builder, OBJECT_DATA, &w->e), w->e);
    }
    free(data);
    close_world(w);
}

/* What the byte at i belongs to does not open. */
static bool opens(struct world *w, const struct pack_built *p, const uint8_t *pack, size_t i,
                  uint32_t len, uint8_t *out)
{
    size_t chunk = i < OBJECT_HEADER_LEN ? 0 : (i - OBJECT_HEADER_LEN) / (len + SEAL_TAG_LEN);
    struct pack_directory d = {0};
    struct seal_box *box = NULL;
    enum object_class class;
    size_t need;
    int rc = pack_open(w->keys, pack, &box, &class, &w->e);

    if (rc == 0 && chunk < p->count)
        rc = pack_unbox(box, p->offsets[chunk], pack + p->offsets[chunk], len, out, &w->e);
    else if (rc == 0)
        rc = pack_directory_read(box, p->len, pack, p->len, &d, &need, &w->e);
    pack_directory_deinit(&d);
    seal_box_free(box);
    return rc == 0;
}

TEST(every_flipped_byte_is_noticed)
{
    enum { LEN = 17000 };
    struct world *w = open_world(OBJECT_DATA);
    uint8_t *data = make_bytes(LEN, 'c', 1), *out = mem_alloc(LEN);
    struct pack_built p = build(w, 3, LEN, data);
    uint8_t *pack = mem_copy(p.data, p.len);

    for (size_t i = 0; i < p.len; i++) {
        pack[i] ^= (uint8_t)(1U << i % 8);
        ASSERT(!opens(w, &p, pack, i, LEN, out));
        pack[i] ^= (uint8_t)(1U << i % 8);
        if (i % 4096 == 0)
            ASSERT(opens(w, &p, pack, i, LEN, out));
    }
    test_note("%zu flipped bytes noticed", p.len);
    free(pack);
    free(out);
    free(data);
    close_world(w);
}

TEST(every_shorter_pack_is_refused)
{
    struct world *w = open_world(OBJECT_DATA);
    uint8_t *data = make_bytes(4096, 'c', 1);
    struct pack_built p = build(w, 40, 4096, data);
    struct pack_directory d;
    size_t refused = 0;

    for (size_t len = OBJECT_HEADER_LEN; len < p.len; len += refused % 64 == 0 ? 1 : 61, refused++)
        ASSERT(open_directory(w, p.data, len, &d) < 0);
    uint8_t *longer = mem_alloc(p.len + PACK_ALIGN);
    memcpy(longer, p.data, p.len);
    ASSERT(open_directory(w, longer, p.len + PACK_ALIGN, &d) < 0);
    test_note("%zu cuts refused", refused);
    free(longer);
    free(data);
    close_world(w);
}

TEST(a_tail_that_is_too_short_says_what_would_do)
{
    struct world *w = open_world(OBJECT_DATA);
    uint8_t *data = make_bytes(64, 'c', 1);
    struct pack_built p = build(w, 3000, 64, data);
    struct pack_directory d;
    struct seal_box *box = NULL;
    enum object_class class;
    size_t need, least;

    ASSERT_OK(pack_open(w->keys, p.data, &box, &class, &w->e), w->e);
    ASSERT_EQ(pack_directory_read(box, p.len, p.data + p.len, 0, &d, &need, &w->e), 1);
    ASSERT_EQ(need, PACK_ALIGN);
    ASSERT_EQ(pack_directory_read(box, p.len, p.data + p.len - need, need, &d, &least, &w->e), 1);
    ASSERT(least > need && least < p.len);
    ASSERT_EQ(
        pack_directory_read(box, p.len, p.data + p.len - least + 1, least - 1, &d, &need, &w->e),
        1);
    ASSERT_OK(pack_directory_read(box, p.len, p.data + p.len - least, least, &d, &need, &w->e),
              w->e);
    ASSERT_EQ(d.count, 3000);
    pack_directory_deinit(&d);
    seal_box_free(box);
    free(data);
    close_world(w);
}

/* A pack of one's own making: directory and trailer as given, sealed as they should be. */
static int read_forged(struct world *w, uint8_t *directory, uint32_t directory_len,
                       uint32_t box_len, uint32_t count, uint64_t pack_len)
{
    uint8_t header[OBJECT_HEADER_LEN], key[SEAL_KEY_LEN], nonce[SEAL_NONCE_LEN],
        trailer[PACK_TRAILER];
    size_t tail_len = directory_len + SEAL_TAG_LEN + PACK_TRAILER_BOX, need;
    uint8_t *tail = mem_alloc(tail_len);
    struct pack_directory d = {0};
    struct seal_box *box = NULL;

    ASSERT_OK(keys_object_new(w->keys, PACK_MAGIC, OBJECT_DATA, header, key, &w->e), w->e);
    ASSERT_OK(seal_box_open(key, &box, &w->e), w->e);
    seal_nonce(nonce, pack_len - tail_len, SEAL_DIRECTORY);
    ASSERT_OK(seal_box_seal(box, nonce, NULL, 0, directory, directory_len, tail, &w->e), w->e);
    bytes_put_u32(trailer, box_len);
    bytes_put_u32(trailer + 4, count);
    seal_nonce(nonce, pack_len - PACK_TRAILER_BOX, SEAL_TRAILER);
    ASSERT_OK(seal_box_seal(box, nonce, NULL, 0, trailer, sizeof(trailer),
                            tail + tail_len - PACK_TRAILER_BOX, &w->e),
              w->e);
    int rc = pack_directory_read(box, pack_len, tail, tail_len, &d, &need, &w->e);
    if (rc == 0)
        ASSERT_EQ(d.count, count);
    pack_directory_deinit(&d);
    seal_box_free(box);
    free(tail);
    return rc;
}

/* Whoever has the keys may still write nonsense: nothing of it is believed. */
TEST(a_hostile_directory_is_refused)
{
    enum { DIRECTORY = 4096, BOX = DIRECTORY + SEAL_TAG_LEN };
    struct world *w = open_world(OBJECT_DATA);
    uint8_t *d = mem_alloc(DIRECTORY);
    const uint32_t space = PACK_ALIGN - PACK_TRAILER_BOX - BOX - OBJECT_HEADER_LEN; /* for boxes */
    const uint32_t len = space / 2 - SEAL_TAG_LEN;
    const struct {
        size_t at;
        uint8_t value;
    } edits[] = {
        {40, 3},   {40, 255},           {41, 0},           {41, 4}, {41, 255}, {32, 1}, {35, 255},
        {39, 255}, {PACK_ENTRY * 2, 1}, {DIRECTORY - 1, 1}};
    uint8_t good[PACK_ENTRY * 2];
    int refused = 0;

    for (size_t i = 0; i < 2; i++) {
        uint8_t *at = d + i * PACK_ENTRY;
        at[0] = (uint8_t)(i + 1);
        bytes_put_u32(at + 32, i == 0 ? len : space - len - 2 * SEAL_TAG_LEN);
        bytes_put_u32(at + 36, i == 0 ? len : space - len - 2 * SEAL_TAG_LEN);
        at[41] = CHUNK_DATA;
    }
    memcpy(good, d, sizeof(good));
    ASSERT_OK(read_forged(w, d, DIRECTORY, BOX, 2, PACK_ALIGN), w->e);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++, refused++) {
        uint8_t before = d[edits[i].at];
        if (before == edits[i].value)
            d[edits[i].at] = 2;
        else
            d[edits[i].at] = edits[i].value;
        ASSERT_ERR(read_forged(w, d, DIRECTORY, BOX, 2, PACK_ALIGN), w->e, ERR_DAMAGED);
        d[edits[i].at] = before;
    }
    static const uint32_t counts[] = {0, 1, 3, 97, 98, 1000, PACK_CHUNKS_MAX, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++, refused++)
        ASSERT_ERR(read_forged(w, d, DIRECTORY, BOX, counts[i], PACK_ALIGN), w->e, ERR_DAMAGED);
    static const uint32_t boxes[] = {0,          15,       16,         BOX - 1,
                                     PACK_ALIGN, PACK_MAX, UINT32_MAX, UINT32_MAX - 23};
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++, refused++)
        ASSERT_ERR(read_forged(w, d, DIRECTORY, boxes[i], 2, PACK_ALIGN), w->e, ERR_DAMAGED);
    static const uint64_t lengths[] = {PACK_ALIGN - 1, PACK_ALIGN + 1, 2 * PACK_ALIGN,
                                       PACK_MAX + PACK_ALIGN, UINT64_MAX & ~0xffffULL};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++, refused++)
        ASSERT_ERR(read_forged(w, d, DIRECTORY, BOX, 2, lengths[i]), w->e, ERR_DAMAGED);
    d[40] = CHUNK_DELTA; /* its base is itself */
    memmove(d + PACK_ENTRY_DELTA, good + PACK_ENTRY, PACK_ENTRY);
    memcpy(d + PACK_ENTRY, good, CHUNK_ID_LEN);
    ASSERT_ERR(read_forged(w, d, DIRECTORY, BOX, 2, PACK_ALIGN), w->e, ERR_DAMAGED);
    d[PACK_ENTRY]++;
    ASSERT_OK(read_forged(w, d, DIRECTORY, BOX, 2, PACK_ALIGN), w->e);
    test_note("%d hostile directories refused", refused + 1);
    free(d);
    close_world(w);
}

TEST(another_pack_s_header_opens_nothing)
{
    struct world *w = open_world(OBJECT_DATA), *other = open_world(OBJECT_DATA);
    uint8_t *data = make_bytes(4096, 'c', 1);
    struct pack_built p = build(w, 3, 4096, data), q = build(other, 3, 4096, data);
    uint8_t *pack = mem_copy(p.data, p.len);
    struct pack_directory d;

    ASSERT(open_directory(other, pack, p.len, &d) < 0); /* another repository */
    ASSERT_OK(pack_builder_reset(w->builder, OBJECT_DATA, &w->e), w->e);
    struct pack_built second = build(w, 3, 4096, data);
    memcpy(pack, second.data, OBJECT_HEADER_LEN);
    ASSERT_ERR(open_directory(w, pack, p.len, &d), w->e, ERR_DAMAGED);
    (void)q;
    free(pack);
    free(data);
    close_world(w);
    close_world(other);
}

TEST(a_class_is_kept)
{
    struct world *w = open_world(OBJECT_LISTS);
    struct pack_built p = build(w, 1, 5, (const uint8_t *)"lists");
    struct seal_box *box = NULL;
    enum object_class class = OBJECT_DATA;

    ASSERT_OK(pack_open(w->keys, p.data, &box, &class, &w->e), w->e);
    ASSERT_EQ(class, OBJECT_LISTS);
    seal_box_free(box);
    close_world(w);
}

TEST(names_are_strict)
{
    struct world *w = open_world(OBJECT_DATA);
    struct pack_built p = build(w, 0, 1, NULL);
    struct pack_name n;
    char name[80];

    pack_object_name(&p.name, name);
    ASSERT_OK(pack_name_parse(name, &n, &w->e), w->e);
    ASSERT(memcmp(&n, &p.name, sizeof(n)) == 0);
    for (size_t i = 0; name[i] != '\0'; i++) {
        char before = name[i];
        name[i] = 'G';
        ASSERT_ERR(pack_name_parse(name, &n, &w->e), w->e, ERR_FORMAT);
        name[i] = '\0';
        ASSERT_ERR(pack_name_parse(name, &n, &w->e), w->e, ERR_FORMAT);
        name[i] = before;
    }
    close_world(w);
}
