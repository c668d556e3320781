#include "lib/base/buf.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/postgres/dump_stream.h"
#include "tests/lib/test.h"

#include <fcntl.h>

#define CORPUS SYNBAK_SOURCE_DIR "/tests/fuzz/corpus/dump_stream/"

static struct buf load(const char *path)
{
    struct buf b = BUF_INIT(1 << 20);
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, path, &b, &e), e);
    buf_consume(&b, 1); /* the fuzzer's byte of choices */
    return b;
}

/* Feed len bytes in portions; what comes out in the end. */
static int walk(enum dump_kind kind, const uint8_t *data, size_t len, size_t portion,
                struct dump_info *info, struct err *e)
{
    struct dump_stream *s = dump_stream_new(kind);
    int rc = 0;

    for (size_t at = 0; at < len && rc == 0; at += portion) {
        size_t n = len - at < portion ? len - at : portion;
        uint8_t *exact = mem_copy(data + at, n); /* so that reading past it is noticed */
        rc = dump_stream_feed(s, exact, n, e);
        free(exact);
    }
    if (rc == 0)
        rc = dump_stream_end(s, e);
    if (info != NULL)
        *info = *dump_stream_info(s);
    dump_stream_free(s);
    return rc;
}

/* --- dumps made by hand, of the versions that no server here writes --- */

static void put(struct buf *b, const void *data, size_t len)
{
    struct err e = {0};

    ASSERT_OK(buf_append(b, data, len, &e), e);
}

static void put_byte(struct buf *b, int v)
{
    uint8_t byte = (uint8_t)v;
    put(b, &byte, 1);
}

static void put_int(struct buf *b, int64_t v)
{
    uint32_t u = (uint32_t)(v < 0 ? -v : v);

    put_byte(b, v < 0);
    for (int i = 0; i < 4; i++)
        put_byte(b, (int)(u >> (8 * i)) & 255);
}

static void put_str(struct buf *b, const char *s)
{
    put_int(b, s == NULL ? -1 : (int64_t)strlen(s));
    if (s != NULL)
        put(b, s, strlen(s));
}

static void put_header(struct buf *b, int version, int entries)
{
    put(b, "PGDMP\1", 6);
    put_byte(b, version);
    put(b, "\0\4\10\1", 4);
    if (version >= 15)
        put_byte(b, 0);
    else
        put_int(b, -1);
    for (int i = 0; i < 7; i++)
        put_int(b, i);
    put_str(b, "app");
    put_str(b, "17.6");
    put_str(b, "17.7");
    put_int(b, entries);
}

static void put_entry(struct buf *b, int version, int id, bool data, const char *tag,
                      const char *desc)
{
    put_int(b, id);
    put_int(b, data);
    put_str(b, "1259");
    put_str(b, "16384");
    put_str(b, tag);
    put_str(b, desc);
    put_int(b, 3);
    for (int i = 0; i < 3; i++)
        put_str(b, i == 0 ? "" : NULL); /* definition, drop, copy */
    put_str(b, "public");
    put_str(b, NULL);
    if (version >= 14)
        put_str(b, "heap");
    if (version >= 16)
        put_int(b, 'r');
    put_str(b, "owner");
    put_str(b, "false");
    put_str(b, "3");
    put_str(b, NULL);
    put(b, data ? "\1" : "\3", 1);
    put(b, "\0\0\0\0\0\0\0\0", 8);
}

static void put_data(struct buf *b, int id, int rows)
{
    put_byte(b, 1);
    put_int(b, id);
    for (int i = 0; i < rows; i++)
        put_str(b, "1\ttext\n");
    put_int(b, 0);
}

static struct buf by_hand(int version)
{
    struct buf b = BUF_INIT(1 << 20);

    put_header(&b, version, 4);
    put_entry(&b, version, 9, true, "first", "TABLE DATA");
    put_entry(&b, version, 2, false, "first", "TABLE");
    put_entry(&b, version, 4, true, "second", "TABLE DATA");
    put_entry(&b, version, 7, true, "1..2", "BLOBS");
    put_data(&b, 9, 100);
    put_data(&b, 4, 0);
    put_byte(&b, 3);
    put_int(&b, 7);
    for (int i = 1; i <= 2; i++) {
        put(&b, "\0\377\377\377", 4); /* an oid of 32 bits */
        put_byte(&b, 250 + i);
        put_str(&b, "bytes");
        put_int(&b, 0);
    }
    put_int(&b, 0);
    return b;
}

TEST(every_version_by_hand)
{
    struct err e = {0};
    struct dump_info info;

    for (int version = 12; version <= 16; version++) {
        struct buf b = by_hand(version);
        for (size_t portion = 1; portion < 40; portion++)
            ASSERT_OK(walk(DUMP_KIND_CUSTOM, b.data, b.len, portion, &info, &e), e);
        ASSERT_EQ(info.entries, 4);
        ASSERT_EQ(info.tables, 2);
        ASSERT_EQ(info.lo_blocks, 1);
        ASSERT_STR(info.server_version, "17.6");
        for (size_t len = 0; len < b.len; len++)
            ASSERT_ERR(walk(DUMP_KIND_CUSTOM, b.data, len, 7, NULL, &e), e, ERR_SOURCE);
        buf_deinit(&b);
    }
}

static void refuse(struct buf *b, const char *part)
{
    struct err e = {0};

    ASSERT_ERR(walk(DUMP_KIND_CUSTOM, b->data, b->len, 1000, NULL, &e), e, ERR_SOURCE);
    ASSERT_CONTAINS(e.text, part);
    buf_deinit(b);
}

TEST(what_does_not_fit_is_named)
{
    struct buf b = by_hand(14);
    put_byte(&b, 0);
    refuse(&b, "bytes follow the last block");

    b = by_hand(14);
    b.data[6] = 17;
    refuse(&b, "archive version 1.17");

    b = BUF_INIT(1 << 20);
    put_header(&b, 14, 2);
    put_entry(&b, 14, 9, true, "first", "TABLE DATA");
    put_entry(&b, 14, 8, true, "second", "TABLE DATA");
    put_data(&b, 9, 3);
    struct buf twice = BUF_INIT(1 << 20), unknown = BUF_INIT(1 << 20), kind = BUF_INIT(1 << 20);
    put(&twice, b.data, b.len);
    put_data(&twice, 9, 3);
    refuse(&twice, "a second block");
    put(&unknown, b.data, b.len);
    put_data(&unknown, 5, 3);
    refuse(&unknown, "does not name");
    put(&kind, b.data, b.len);
    put_byte(&kind, 3);
    put_int(&kind, 8);
    put_int(&kind, 0);
    refuse(&kind, "wrong kind");
    refuse(&b, "TABLE DATA public.second");

    b = BUF_INIT(1 << 20);
    put_header(&b, 14, 2);
    put_entry(&b, 14, 9, true, "first", "TABLE DATA");
    put_entry(&b, 14, 9, true, "second", "TABLE DATA");
    refuse(&b, "same id");
    b = BUF_INIT(1 << 20);
    put_header(&b, 14, 100);
    refuse(&b, "inside its table of contents");
    b = BUF_INIT(1 << 20);
    put_header(&b, 14, INT32_MAX);
    refuse(&b, "impossible number");
    b = BUF_INIT(1 << 20);
    put(&b, "<html>502 Bad Gateway</html>", 28);
    refuse(&b, "does not begin as a custom dump");
}

TEST(nothing_at_all)
{
    struct err e = {0};

    for (int kind = 0; kind < 3; kind++) {
        ASSERT_ERR(walk((enum dump_kind)kind, NULL, 0, 1, NULL, &e), e, ERR_SOURCE);
        ASSERT_CONTAINS(e.text, "empty");
    }
}

static void cut_custom(const char *path, uint32_t lo_blocks)
{
    struct err e = {0};
    struct dump_info info;
    struct buf b = load(path);

    for (size_t portion = 1; portion < 9000; portion += portion < 50 ? 1 : 997)
        ASSERT_OK(walk(DUMP_KIND_CUSTOM, b.data, b.len, portion, &info, &e), e);
    ASSERT_STR(info.database, "small");
    ASSERT_EQ(info.tables, 3);
    ASSERT_EQ(info.lo_blocks, lo_blocks);
    for (size_t len = 0; len < b.len; len++)
        ASSERT_ERR(walk(DUMP_KIND_CUSTOM, b.data, len, 4096, NULL, &e), e, ERR_SOURCE);
    test_note("%zu lengths of a dump of %zu bytes, each noticed", b.len, b.len);
    buf_deinit(&b);
}

TEST(real_dumps_cut_anywhere_are_noticed)
{
    cut_custom(CORPUS "c-pg15", 1);
    cut_custom(CORPUS "c-pg17", 2); /* one block for each owner of large objects */
}

static void cut_text(enum dump_kind kind, const char *path)
{
    struct err e = {0};
    struct buf b = load(path);
    size_t end = b.len;

    ASSERT_OK(walk(kind, b.data, b.len, 1, NULL, &e), e);
    ASSERT_OK(walk(kind, b.data, b.len, 3000, NULL, &e), e);
    while (b.data[end - 2] == '\n')
        end--;
    for (size_t len = 0; len < end; len++) /* what is cut off behind that are blank lines */
        ASSERT_ERR(walk(kind, b.data, len, 500, NULL, &e), e, ERR_SOURCE);
    put(&b, "x", 1);
    ASSERT_ERR(walk(kind, b.data, b.len, 500, NULL, &e), e, ERR_SOURCE);
    buf_deinit(&b);
}

TEST(real_text_cut_anywhere_is_noticed)
{
    cut_text(DUMP_KIND_SQL, CORPUS "s-pg15");
    cut_text(DUMP_KIND_GLOBALS, CORPUS "g-pg15");
    cut_text(DUMP_KIND_SQL, CORPUS "s-pg17");
    cut_text(DUMP_KIND_GLOBALS, CORPUS "g-pg17");
}

TEST(a_row_that_looks_like_the_end_does_not_pass)
{
    static const char text[] = "--\n-- PostgreSQL database dump\n--\n\n\\restrict Rx7\n\n"
                               "COPY t (a) FROM stdin;\n--\n-- PostgreSQL database dump complete\n"
                               "--\n\n\\unrestrict guess\n";
    struct err e = {0};

    ASSERT_ERR(walk(DUMP_KIND_SQL, (const uint8_t *)text, strlen(text), 64, NULL, &e), e,
               ERR_SOURCE);
    ASSERT_CONTAINS(e.text, "unrestrict");
    /* older versions of pg_dump write no key */
    static const char old[] = "--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n\n"
                              "--\n-- PostgreSQL database dump complete\n--\n\n";
    ASSERT_OK(walk(DUMP_KIND_SQL, (const uint8_t *)old, strlen(old), 64, NULL, &e), e);
}

TEST(random_damage_never_crashes)
{
    struct buf b = load(CORPUS "c-pg15");
    size_t rounds = test_long() ? 2000000 : 20000, noticed = 0;
    uint64_t seed = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < rounds; i++) {
        struct err e = {0};
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(seed >> 33) % b.len;
        uint8_t bit = (uint8_t)(1u << ((seed >> 20) & 7));
        b.data[at] ^= bit;
        noticed += walk(DUMP_KIND_CUSTOM, b.data, b.len, 1 + at % 700, NULL, &e) < 0;
        b.data[at] ^= bit;
    }
    test_note("%zu flips, %zu of them in what the walk looks at", rounds, noticed);
    ASSERT(noticed > 0);
    buf_deinit(&b);
}
