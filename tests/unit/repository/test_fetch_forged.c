/* Packs that whoever may write made on purpose, with seals and ids that are right: what the format forbids is refused, and
 * never decoded. */
#include "lib/repository/fetch.h"
#include "tests/lib/memory_store.h"
#include "tests/unit/repository/keys_fixture.h"

enum { LEN = 20000 };

struct forger {
    struct store *s;
    struct keys *k;
    struct chunk_coder *coder;
    struct pack_builder *builder;
    struct repository r;
    struct index *ix;
    struct fetcher *f;
    struct err e;
};

static void begin(struct forger *x)
{
    *x = (struct forger){.s = memory_store_new(), .k = make_keys()};
    x->r.store = x->s;
    x->r.keys = x->k;
    ASSERT_OK(chunk_coder_new(x->k, &x->coder, &x->e), x->e);
    ASSERT_OK(pack_builder_new(x->k, OBJECT_DATA, &x->builder, &x->e), x->e);
}

/* Bytes of their own for each number, much like those of all others. */
static uint8_t *plain_of(unsigned number)
{
    uint8_t *data = make_bytes(LEN, 'c', 1);

    for (unsigned i = 0; i <= number; i++)
        data[i * 37] ^= (uint8_t)(number + 1);
    return data;
}

static struct chunk_ref ref_of(struct forger *x, unsigned number, enum chunk_kind kind)
{
    _cleanup_free_ uint8_t *data = plain_of(number);
    struct chunk_ref ref = {.length = LEN};

    chunk_coder_id(x->coder, kind, data, LEN, &ref.id);
    return ref;
}

/* base -1: whole; else a delta of that number's bytes, as a chunk of base_kind. */
static void add(struct forger *x, unsigned number, enum chunk_kind kind, int base,
                enum chunk_kind base_kind)
{
    _cleanup_free_ uint8_t *data = plain_of(number);
    struct chunk_entry entry = {.id = ref_of(x, number, kind).id, .length = LEN, .kind = kind};
    const void *stored;
    uint32_t offset;
    size_t len;

    ASSERT_OK(chunk_encode(x->coder, data, LEN, &stored, &len, &entry.codec, &x->e), x->e);
    if (base >= 0) {
        _cleanup_free_ uint8_t *other = plain_of((unsigned)base);
        entry.base = ref_of(x, (unsigned)base, base_kind).id;
        entry.codec = CHUNK_DELTA;
        ASSERT_OK(chunk_encode_delta(x->coder, data, LEN, other, LEN, len, &stored, &len, &x->e),
                  x->e);
    }
    entry.stored = (uint32_t)len;
    ASSERT_OK(pack_builder_add(x->builder, &entry, stored, &offset, &x->e), x->e);
}

/* Puts what was added, and opens it as a reader does. beyond: the index says that its first box lies so much further. */
static void finish_with(struct forger *x, uint32_t beyond)
{
    struct index_writer *w = index_writer_new(x->k, NULL);
    struct pack_built built;
    const char *name;
    const uint8_t *data;
    char object[80];
    size_t len;

    ASSERT_OK(pack_builder_finish(x->builder, &built, &x->e), x->e);
    pack_object_name(&built.name, object);
    ASSERT_OK(store_put_bytes(x->s, object, built.data, built.len, STORE_FAIL_IF_EXISTS, &x->e),
              x->e);
    _cleanup_free_ uint32_t *offsets = mem_copy(built.offsets, built.count * sizeof(*offsets));
    offsets[0] += beyond;
    built.offsets = offsets;
    ASSERT_OK(index_writer_add(w, NULL, &built, &x->e), x->e);
    ASSERT_OK(index_writer_flush(w, &name, &data, &len, &x->e), x->e);
    ASSERT_OK(store_put_bytes(x->s, name, data, len, STORE_FAIL_IF_EXISTS, &x->e), x->e);
    index_writer_free(w);
    ASSERT_OK(index_open(x->s, x->k, NULL, false, &x->ix, NULL, &x->e), x->e);
    ASSERT_OK(fetcher_open(&x->f, &x->r, x->ix, 1, &x->e), x->e);
}

static void finish(struct forger *x)
{
    finish_with(x, 0);
}

static int fetch(struct forger *x, unsigned number, enum chunk_kind kind)
{
    const struct chunk_ref ref = ref_of(x, number, kind);
    _cleanup_free_ uint8_t *wanted = plain_of(number), *out = mem_alloc(LEN);

    if (fetcher_chunk(x->f, &ref, kind, out, &x->e) < 0)
        return -1;
    ASSERT(memcmp(out, wanted, LEN) == 0);
    return 0;
}

static void end(struct forger *x)
{
    fetcher_close(x->f);
    index_close(x->ix);
    pack_builder_free(x->builder);
    chunk_coder_free(x->coder);
    keys_free(x->k);
    store_close(x->s);
}

TEST(a_base_that_is_itself_a_delta)
{
    struct forger x;

    begin(&x);
    add(&x, 0, CHUNK_DATA, -1, 0);
    add(&x, 1, CHUNK_DATA, 0, CHUNK_DATA);
    add(&x, 2, CHUNK_DATA, 1, CHUNK_DATA);
    finish(&x);
    ASSERT_OK(fetch(&x, 0, CHUNK_DATA), x.e);
    ASSERT_OK(fetch(&x, 1, CHUNK_DATA), x.e);
    ASSERT_ERR(fetch(&x, 2, CHUNK_DATA), x.e, ERR_DAMAGED);
    ASSERT_CONTAINS(x.e.text, "its base is none");
    end(&x);
}

TEST(a_base_of_another_kind)
{
    struct forger x;

    begin(&x);
    add(&x, 0, CHUNK_DATA, -1, 0);
    add(&x, 1, CHUNK_LIST, 0, CHUNK_DATA);
    finish(&x);
    ASSERT_ERR(fetch(&x, 1, CHUNK_LIST), x.e, ERR_DAMAGED);
    ASSERT_CONTAINS(x.e.text, "its base is none");
    end(&x);
}

/* Who asks for a list gets no data that somebody made look like one: ids hang on the kind. */
TEST(a_chunk_of_another_kind_or_length)
{
    struct forger x;

    begin(&x);
    add(&x, 0, CHUNK_DATA, -1, 0);
    finish(&x);
    struct chunk_ref ref = ref_of(&x, 0, CHUNK_DATA);
    _cleanup_free_ uint8_t *out = mem_alloc(LEN + 1);
    ASSERT_ERR(fetcher_chunk(x.f, &ref, CHUNK_LIST, out, &x.e), x.e, ERR_DAMAGED);
    ref.length++;
    ASSERT_ERR(fetcher_chunk(x.f, &ref, CHUNK_DATA, out, &x.e), x.e, ERR_DAMAGED);
    ASSERT_CONTAINS(x.e.text, "not what the list says");
    end(&x);
}

/* Twins of one id of which one is forged: the bytes under it are another chunk's. */
TEST(a_box_that_holds_something_else)
{
    struct forger x;

    begin(&x);
    _cleanup_free_ uint8_t *data = plain_of(0);
    struct chunk_entry entry = {
        .id = ref_of(&x, 1, CHUNK_DATA).id, .length = LEN, .kind = CHUNK_DATA};
    const void *stored;
    uint32_t offset;
    size_t len;
    ASSERT_OK(chunk_encode(x.coder, data, LEN, &stored, &len, &entry.codec, &x.e), x.e);
    entry.stored = (uint32_t)len;
    ASSERT_OK(pack_builder_add(x.builder, &entry, stored, &offset, &x.e), x.e);
    finish(&x);
    ASSERT_ERR(fetch(&x, 1, CHUNK_DATA), x.e, ERR_DAMAGED);
    end(&x);
}

TEST(an_index_that_points_beyond_the_pack)
{
    struct index_entry found;
    struct forger x;

    begin(&x);
    add(&x, 0, CHUNK_DATA, -1, 0);
    finish_with(&x, 1 << 20);
    const struct chunk_id id = ref_of(&x, 0, CHUNK_DATA).id;
    ASSERT_ERR(index_find(x.ix, &id, &found, &x.e), x.e, ERR_DAMAGED);
    ASSERT_CONTAINS(x.e.text, "has an entry that cannot be");
    ASSERT_OK(fetch(&x, 0, CHUNK_DATA), x.e); /* the packs know better */
    end(&x);
}
