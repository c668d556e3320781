#include "lib/repository/list.h"

#include "lib/base/mem.h"
#include "tests/lib/test.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct chunk_ref ref_of(uint8_t n, uint32_t length)
{
    struct chunk_ref r = {.length = length};

    memset(r.id.bytes, n, sizeof(r.id.bytes));
    return r;
}

static struct list_entry file_of(const char *path, uint64_t size)
{
    return (struct list_entry){.path = path,
                               .type = 'f',
                               .mode = 0644,
                               .uid = 1000,
                               .gid = 100,
                               .user = "alice",
                               .group = "users",
                               .size = size,
                               .mtime_s = -5,
                               .mtime_ns = 999999999,
                               .ctime_s = 1700000000,
                               .ctime_ns = 1,
                               .device = 0,
                               .inode = UINT64_MAX,
                               .link = ""};
}

static struct list_entry other_of(const char *path, char type)
{
    struct list_entry x = file_of(path, 0);

    x.type = type;
    return x;
}

/* Everything that the stream holds, or the error. Fed `step` bytes at a time. */
static int read_all(const struct buf *in, size_t step, size_t *ret_records, struct err *e)
{
    struct list_parser *p = list_parser_new();
    struct list_record r;
    int rc = 0;

    *ret_records = 0;
    for (size_t at = 0; at < in->len && rc >= 0; at += step) {
        rc = list_parser_feed(p, in->data + at, in->len - at < step ? in->len - at : step, e);
        while (rc == 0 && (rc = list_parser_next(p, &r, e)) == 0)
            ++*ret_records;
        rc = rc == 1 ? 0 : rc;
    }
    if (rc == 0)
        rc = list_parser_finish(p, e);
    list_parser_free(p);
    return rc;
}

static void put_tree(struct buf *out)
{
    struct chunk_ref refs[3] = {ref_of(1, 1000), ref_of(2, CHUNK_MAX), ref_of(3, 1)};
    struct list_extent runs[2] = {{0, 10}, {4096, 100}}, hole = {0, 0};
    struct list_attribute attributes[2] = {{"user.a", "v\0w", 3}, {"user.b", "", 0}};
    struct list_entry x;
    struct err e;

    ASSERT_OK(list_put_entry(
                  out,
                  &(struct list_entry){
                      .path = "", .type = 'd', .mode = 0755, .user = "", .group = "", .link = ""},
                  &e),
              e);
    x = other_of("a", 'd');
    x.attributes = attributes;
    x.attribute_count = 2;
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    x = file_of("a/b", 1001 + CHUNK_MAX);
    x.refs = refs;
    x.ref_count = 1;
    x.extents = runs;
    x.extent_count = 2;
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    ASSERT_OK(list_put_content(out, refs + 1, 2, &e), e);
    x = other_of("a/b\xff", 'h');
    x.link = "a/b";
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    x = other_of("a-b", 'l');
    x.link = "../../etc";
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    x = other_of("c", 'c');
    x.rdev = (uint64_t)4 << 32 | 64;
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    x = file_of("hole", 1000);
    x.extents = &hole;
    x.extent_count = 1;
    x.refs = refs;
    x.ref_count = 1;
    ASSERT_OK(list_put_entry(out, &x, &e), e);
    ASSERT_OK(list_put_end(out, 7, 2001 + CHUNK_MAX, &e), e);
}

TEST(tree_comes_back)
{
    struct buf out = BUF_INIT(1 << 20);
    struct list_parser *p = list_parser_new();
    struct list_record r;
    struct err e;

    put_tree(&out);
    ASSERT_OK(list_parser_feed(p, out.data, out.len, &e), e);
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_STR(r.entry.path, "");
    ASSERT_EQ(r.entry.type, 'd');
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_STR(r.entry.path, "a");
    ASSERT_EQ(r.entry.attribute_count, 2);
    ASSERT_STR(r.entry.attributes[0].name, "user.a");
    ASSERT_EQ(r.entry.attributes[0].value_len, 3);
    ASSERT(memcmp(r.entry.attributes[0].value, "v\0w", 3) == 0);
    ASSERT_STR(r.entry.attributes[1].name, "user.b");
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_STR(r.entry.path, "a/b");
    ASSERT_STR(r.entry.user, "alice");
    ASSERT_STR(r.entry.group, "users");
    ASSERT_EQ(r.entry.mode, 0644);
    ASSERT_EQ(r.entry.size, 1001 + CHUNK_MAX);
    ASSERT_EQ(r.entry.mtime_s, -5);
    ASSERT_EQ(r.entry.mtime_ns, 999999999);
    ASSERT_EQ(r.entry.ctime_s, 1700000000);
    ASSERT_EQ(r.entry.ctime_ns, 1);
    ASSERT(r.entry.inode == UINT64_MAX);
    ASSERT_EQ(r.entry.extent_count, 2);
    ASSERT_EQ(r.entry.extents[1].offset, 4096);
    ASSERT_EQ(r.entry.ref_count, 1);
    ASSERT_EQ(r.entry.refs[0].length, 1000);
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_EQ(r.type, LIST_CONTENT);
    ASSERT_EQ(r.ref_count, 2);
    ASSERT_EQ(r.refs[0].length, CHUNK_MAX);
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_STR(r.entry.link, "a/b");
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_STR(r.entry.link, "../../etc");
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT(r.entry.rdev == ((uint64_t)4 << 32 | 64));
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_EQ(r.entry.extent_count, 1);
    ASSERT_ERR(list_parser_finish(p, &e), e, ERR_DAMAGED);
    ASSERT_EQ(list_parser_next(p, &r, &e), 0);
    ASSERT_EQ(r.type, LIST_END);
    ASSERT_EQ(list_parser_next(p, &r, &e), 1);
    ASSERT_OK(list_parser_finish(p, &e), e);
    list_parser_free(p);
    buf_deinit(&out);
}

TEST(pieces_of_any_size)
{
    struct buf out = BUF_INIT(1 << 20);
    size_t records;
    struct err e;

    put_tree(&out);
    for (size_t step = 1; step <= out.len; step++) {
        ASSERT_OK(read_all(&out, step, &records, &e), e);
        ASSERT_EQ(records, 9);
    }
    buf_deinit(&out);
}

TEST(truncation_is_noticed)
{
    struct buf out = BUF_INIT(1 << 20);
    size_t records;
    struct err e;

    put_tree(&out);
    for (size_t len = 0; len < out.len; len++) {
        struct buf part = {.data = out.data, .len = len};
        ASSERT_ERR(read_all(&part, 7, &records, &e), e, ERR_DAMAGED);
    }
    ASSERT_OK(buf_append(&out, "", 1, &e), e);
    ASSERT_ERR(read_all(&out, out.len, &records, &e), e, ERR_DAMAGED);
    test_note("truncations: %zu", out.len);
    buf_deinit(&out);
}

TEST(stream_of_content)
{
    struct buf out = BUF_INIT(1 << 20);
    struct chunk_ref refs[2] = {ref_of(1, 70), ref_of(2, 30)};
    struct list_entry x = file_of("f", 0);
    size_t records;
    struct err e;

    ASSERT_OK(list_put_end(&out, 0, 0, &e), e);
    ASSERT_OK(read_all(&out, 100, &records, &e), e);
    buf_clear(&out);
    ASSERT_OK(list_put_content(&out, refs, 2, &e), e);
    ASSERT_OK(list_put_content(&out, refs, 1, &e), e);
    ASSERT_OK(list_put_end(&out, 0, 170, &e), e);
    ASSERT_OK(read_all(&out, 100, &records, &e), e);
    ASSERT_EQ(records, 3);
    buf_clear(&out);
    ASSERT_OK(list_put_content(&out, refs, 2, &e), e);
    ASSERT_OK(list_put_entry(&out, &x, &e), e);
    ASSERT_OK(list_put_end(&out, 1, 100, &e), e);
    ASSERT_ERR(read_all(&out, 100, &records, &e), e, ERR_DAMAGED);
    buf_clear(&out);
    ASSERT_OK(list_put_content(&out, refs, 2, &e), e);
    ASSERT_OK(list_put_end(&out, 0, 101, &e), e);
    ASSERT_ERR(read_all(&out, 100, &records, &e), e, ERR_DAMAGED);
    buf_deinit(&out);
}

/* Two entries in a row, as raw records: what the writer would refuse is made by hand. */
static void refuse_pair(const struct list_entry *a, const struct list_entry *b)
{
    struct buf out = BUF_INIT(1 << 20);
    size_t records;
    struct err e;

    ASSERT_OK(list_put_entry(&out, a, &e), e);
    ASSERT_OK(list_put_entry(&out, b, &e), e);
    ASSERT_OK(list_put_end(&out, 2, 0, &e), e);
    ASSERT_ERR(read_all(&out, 64, &records, &e), e, ERR_DAMAGED);
    buf_deinit(&out);
}

TEST(places_that_cannot_be)
{
    static const struct {
        const char *a;
        char type;
        const char *b;
    } cases[] = {{"a", 'f', "a"},   {"a", 'd', "a"},     {"b", 'f', "a"},       {"a", 'f', "a/b"},
                 {"a-b", 'd', "a"}, {"a-b", 'f', "a/b"}, {"x/y", 'f', "x/y/z"}, {"", 'f', "x"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct list_entry a = other_of(cases[i].a, cases[i].type), b = other_of(cases[i].b, 'f');
        refuse_pair(&a, &b);
    }
    struct list_entry a = file_of("a", 1), b = file_of("b", 0); /* its content is missing */
    refuse_pair(&a, &b);
}

TEST(entries_that_cannot_be)
{
    struct buf out = BUF_INIT(1 << 20);
    static const char *const paths[] = {"/",  "/a",   "a/",   "a//b", ".",
                                        "..", "a/..", "../a", "a/./b"};
    struct chunk_ref refs[2] = {ref_of(1, 0), ref_of(2, 8)};
    struct list_extent runs[2] = {{8, 8}, {0, 4}};
    struct list_attribute attributes[2] = {{"b", "", 0}, {"a", "", 0}};
    struct list_entry x;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        x = file_of(paths[i], 0);
        ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    }
    x = other_of("a", 's');
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = other_of("a", 'd');
    x.size = 1;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = other_of("a", 'l');
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = other_of("a", 'h');
    x.link = "b"; /* not an earlier one */
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 16);
    x.link = "b";
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 16);
    x.refs = refs;
    x.ref_count = 1;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 7);
    x.refs = refs + 1;
    x.ref_count = 1;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 16);
    x.extents = runs;
    x.extent_count = 2;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 16);
    x.attributes = attributes;
    x.attribute_count = 2;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    x = file_of("a", 16);
    x.mode = 010000;
    ASSERT_ERR(list_put_entry(&out, &x, &e), e, ERR_LIMIT);
    ASSERT_EQ(out.len, 0);
    buf_deinit(&out);
}

/* Whatever a flip makes of it, it is read to its end or refused, and never believed to be longer. */
TEST(every_byte_changed)
{
    struct buf out = BUF_INIT(1 << 20);
    uint64_t random = 7;
    size_t records, refused = 0, tried = 0;
    struct err e;

    put_tree(&out);
    for (size_t at = 0; at < out.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            out.data[at] ^= (uint8_t)(1 << bit);
            refused += read_all(&out, 1 + next_random(&random) % 64, &records, &e) < 0;
            tried++;
            out.data[at] ^= (uint8_t)(1 << bit);
        }
    test_note("flips: %zu, refused %zu", tried, refused);
    buf_deinit(&out);
}

TEST(record_of_any_length_is_bounded)
{
    uint8_t claims[] = {LIST_ENTRY, 0xff, 0xff, 0xff, 0xff, 0x7f};
    struct buf in = {.data = claims, .len = sizeof(claims)};
    size_t records;
    struct err e;

    ASSERT_ERR(read_all(&in, 1, &records, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "length");
}

TEST(order_of_paths)
{
    static const char *const order[] = {"", "a", "a/b", "a/b/c", "a/bb", "a-b", "a0", "b", "\xff"};

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t j = 0; j < ARRAY_LEN(order); j++) {
            int got = list_path_compare(order[i], order[j]);
            ASSERT_EQ((got > 0) - (got < 0), (i > j) - (i < j));
        }
}
