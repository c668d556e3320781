/* Whatever is done to the objects of a set is noticed: enumerated, not sampled, where it can be. */
#include "tests/unit/plain/set_fixture.h"

#define JOB "job"
#define ID  "20260101_000000"

static const char *const objects[] = {"manifest.json",
                                      "manifest.mac",
                                      "SHA256SUMS",
                                      "MANIFEST.txt",
                                      "media/media.tar.gz.enc",
                                      "media/media.tar.gz.enc.segments",
                                      "notes/notes.out.enc",
                                      "notes/notes.out.enc.segments"};

static struct object_file object_of(const char *id, const char *object)
{
    _cleanup_free_ char *name = mem_printf(JOB "/%s/%s", id, object);

    return load_object("d", name);
}

static void expect_noticed(struct store *s, const char *id, const struct mac_key *k,
                           const char *what, const char *object, size_t at)
{
    struct err e = {0};

    if (check_set(s, JOB, id, k, &e) == 0)
        test_fail(__FILE__, __LINE__, "%s of %s at %zu was not noticed", what, object, at);
    if (e.code != ERR_DAMAGED && e.code != ERR_KEY)
        test_fail(__FILE__, __LINE__, "%s of %s at %zu: %s: %s", what, object, at, err_word(e.code),
                  e.text);
}

/* One bit of each byte of objects[from..to). */
static void flip_each_byte(size_t from, size_t to)
{
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest m = commit_set(s, JOB, ID, &k, 300);
    struct err e = {0};
    size_t checked = 0;

    for (size_t i = from; i < to; i++) {
        struct object_file o = object_of(ID, objects[i]);
        for (size_t at = 0; at < o.bytes.len; at++, checked++) {
            uint8_t bit = (uint8_t)(1U << (at % 8));
            o.bytes.data[at] ^= bit;
            restore_object(&o);
            expect_noticed(s, ID, &k, "a flipped bit", objects[i], at);
            o.bytes.data[at] ^= bit;
        }
        restore_object(&o);
        buf_deinit(&o.bytes);
    }
    ASSERT_OK(check_set(s, JOB, ID, &k, &e), e);
    test_note("%zu flipped bits, all noticed", checked);
    manifest_deinit(&m);
    store_close(s);
}

TEST(every_byte_of_the_manifest)
{
    flip_each_byte(0, 1);
}

TEST(every_byte_of_the_texts)
{
    flip_each_byte(1, 4);
}

TEST(every_byte_of_the_artifacts)
{
    flip_each_byte(4, ARRAY_LEN(objects));
}

/* Every length below the true one, one byte more, and no object at all. */
static void cut_everywhere(size_t from, size_t to)
{
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest m = commit_set(s, JOB, ID, &k, 300);
    struct err e = {0};
    size_t checked = 0;

    for (size_t i = from; i < to; i++) {
        struct object_file o = object_of(ID, objects[i]);
        restore_object(&o);
        for (size_t len = o.bytes.len; len-- > 0; checked++) { /* shorter each time */
            ASSERT_EQ(truncate(o.path, (off_t)len), 0);
            expect_noticed(s, ID, &k, "a cut", objects[i], len);
        }
        ASSERT_OK(buf_append(&o.bytes, "x", 1, &e), e);
        restore_object(&o);
        expect_noticed(s, ID, &k, "a byte more", objects[i], o.bytes.len);
        o.bytes.len--;
        ASSERT_EQ(unlink(o.path), 0);
        if (strcmp(objects[i], "manifest.json") == 0)
            ASSERT_ERR(check_set(s, JOB, ID, &k, &e), e, ERR_NOT_FOUND); /* no set any more */
        else
            expect_noticed(s, ID, &k, "absence", objects[i], 0);
        restore_object(&o);
        buf_deinit(&o.bytes);
        checked += 2;
    }
    ASSERT_OK(check_set(s, JOB, ID, &k, &e), e);
    test_note("%zu lengths, all noticed", checked);
    manifest_deinit(&m);
    store_close(s);
}

TEST(every_length_of_the_manifest)
{
    cut_everywhere(0, 1);
}

TEST(every_length_of_the_texts)
{
    cut_everywhere(1, 4);
}

TEST(every_length_of_the_artifacts)
{
    cut_everywhere(4, ARRAY_LEN(objects));
}

TEST(swaps_between_two_sets)
{
    static const char other[] = "20260102_000000";
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest a = commit_set(s, JOB, ID, &k, 300), b = commit_set(s, JOB, other, &k, 300);
    struct err e = {0};
    size_t checked = 0;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        struct object_file mine = object_of(ID, objects[i]);
        for (size_t j = 0; j < ARRAY_LEN(objects); j++, checked++) {
            struct object_file theirs = object_of(other, objects[j]);
            write_bytes(mine.path, theirs.bytes.data, theirs.bytes.len);
            write_bytes(theirs.path, mine.bytes.data, mine.bytes.len);
            expect_noticed(s, ID, &k, "a swap", objects[i], j);
            expect_noticed(s, other, &k, "a swap", objects[j], i);
            restore_object(&mine);
            restore_object(&theirs);
            buf_deinit(&theirs.bytes);
        }
        buf_deinit(&mine.bytes);
    }
    ASSERT_OK(check_set(s, JOB, ID, &k, &e), e);
    test_note("%zu swaps, all noticed in both sets", checked);
    manifest_deinit(&a);
    manifest_deinit(&b);
    store_close(s);
}

TEST(a_whole_set_under_another_name)
{
    static const char other[] = "20260102_000000";
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest a = commit_set(s, JOB, ID, &k, 300), b = commit_set(s, JOB, other, &k, 300);
    struct err e = {0};

    for (size_t i = 0; i < ARRAY_LEN(objects); i++) { /* yesterday's state replayed as today's */
        struct object_file old = object_of(ID, objects[i]);
        struct object_file now = object_of(other, objects[i]);
        write_bytes(now.path, old.bytes.data, old.bytes.len);
        buf_deinit(&old.bytes);
        buf_deinit(&now.bytes);
    }
    ASSERT_ERR(check_set(s, JOB, other, &k, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "another set");
    manifest_deinit(&a);
    manifest_deinit(&b);
    store_close(s);
}

TEST(chance_bits_in_large_artifacts)
{
    enum { LEN = 3 << 20 };
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest m = commit_set(s, JOB, ID, &k, LEN);
    uint64_t x = 88172645463325252ULL;
    size_t rounds = test_long() ? 2000 : 100;

    ASSERT(m.artifacts[1].volume_count == 4); /* 3 MiB, and the cipher's salt and padding */
    for (size_t i = 0; i < rounds; i++) {
        const struct manifest_artifact *a = &m.artifacts[i % 2];
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        const struct artifact_volume *v = &a->volumes[x % a->volume_count];
        struct object_file o = object_of(ID, v->name);
        size_t at = (size_t)(x >> 8) % o.bytes.len;
        o.bytes.data[at] ^= (uint8_t)(1U << (x >> 61));
        restore_object(&o);
        expect_noticed(s, ID, &k, "a flipped bit", v->name, at);
        o.bytes.data[at] ^= (uint8_t)(1U << (x >> 61));
        restore_object(&o);
        buf_deinit(&o.bytes);
    }
    test_note("%zu flipped bits in 6 MiB, all noticed", rounds);
    manifest_deinit(&m);
    store_close(s);
}

TEST(a_reader_sees_damage_before_it_hands_anything_out)
{
    enum { LEN = 3 << 20 };
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1);
    struct manifest m = commit_set(s, JOB, ID, &k, LEN);
    struct object_file o = object_of(ID, m.artifacts[0].volumes[0].name);
    struct artifact_source src =
        manifest_artifact_source(&m.artifacts[0], s, JOB "/" ID, &test_key);
    struct artifact_reader *r = NULL;
    struct err e = {0};
    uint8_t byte;
    size_t n = 0;

    o.bytes.data[o.bytes.len - 1] ^= 1;
    restore_object(&o);
    ASSERT_OK(artifact_open(&r, &src, &e), e);
    ASSERT_ERR(artifact_read(r, &byte, 1, &n, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "media.tar.gz");
    artifact_close(r);
    buf_deinit(&o.bytes);
    manifest_deinit(&m);
    store_close(s);
}

TEST(the_wrong_key)
{
    struct store *s = open_store("d");
    const struct mac_key k = quick_key(1), wrong = quick_key(2), none = {.none = true};
    struct manifest m = commit_set(s, JOB, ID, &k, 300);
    struct err e = {0};

    ASSERT_ERR(check_set(s, JOB, ID, &wrong, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, k.id);
    ASSERT_CONTAINS(e.text, wrong.id);
    ASSERT_ERR(check_set(s, JOB, ID, &none, &e), e, ERR_KEY);
    manifest_deinit(&m);
    store_close(s);
}
