#include "tests/lib/store_conformance.h"

#include <openssl/sha.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

static void put(struct store *s, const char *name, const char *text)
{
    struct err e;

    ASSERT_OK(store_put_bytes(s, name, text, strlen(text), STORE_FAIL_IF_EXISTS, &e), e);
}

static void check(struct store *s, const char *name, const char *text)
{
    struct buf out = BUF_INIT(1000000);
    struct store_object o;
    struct err e;

    ASSERT_OK(store_get_bytes(s, name, &out, &e), e);
    ASSERT_EQ(out.len, strlen(text));
    ASSERT(memcmp(out.len > 0 ? (char *)out.data : "", text, out.len) == 0);
    ASSERT_OK(store_stat(s, name, &o, &e), e);
    ASSERT_EQ(o.size, strlen(text));
    ASSERT_STR(o.name, name);
    buf_deinit(&out);
}

/* The names of a whole list, taken in pages, with '|' behind each. */
static char *listed(struct store *s, const char *prefix, bool fold, size_t page)
{
    struct store_object *o = mem_alloc(page * sizeof(*o));
    struct buf out = BUF_INIT(100000);
    char after[STORE_NAME_MAX + 1] = "";
    size_t count;
    struct err e;

    do {
        ASSERT_OK(store_list(s, prefix, fold, after, o, page, &count, &e), e);
        for (size_t i = 0; i < count; i++)
            ASSERT_OK(buf_printf(&out, &e, "%s|", o[i].name), e);
        if (count > 0)
            memcpy(after, o[count - 1].name, sizeof(after));
    } while (count == page);
    free(o);
    return buf_take_string(&out);
}

static void check_list(struct store *s, const char *prefix, bool fold, const char *want)
{
    for (size_t page = 1; page < 5; page++) {
        _cleanup_free_ char *got = listed(s, prefix, fold, page);
        ASSERT_STR(got, want);
    }
}

void store_conformance_bytes_come_back(struct store *s)
{
    put(s, "a", "hello");
    put(s, "b/c/d", "");
    check(s, "a", "hello");
    check(s, "b/c/d", "");
}

/* Several seals of odd sizes, written in odd pieces, more than a store holds back. */
void store_conformance_streams_come_back(struct store *s)
{
    enum { SIZE = 13 * 1024 * 1024 + 77, SEAL = 1024 * 1024 + 13, PIECE = 65521 };
    _cleanup_free_ uint8_t *data = mem_alloc(SIZE), *back = mem_alloc(SIZE);
    struct store_put *p;
    uint8_t digest[32];
    size_t got, total = 0;
    struct err e;

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    for (size_t at = 0; at < SIZE; at += SEAL) {
        size_t len = SIZE - at < SEAL ? SIZE - at : SEAL;
        for (size_t done = 0; done < len; done += PIECE)
            ASSERT_OK(
                store_put_write(p, data + at + done, len - done < PIECE ? len - done : PIECE, &e),
                e);
        (void)SHA256(data + at, len, digest);
        ASSERT_OK(store_put_seal(p, digest, &e), e);
    }
    ASSERT_OK(store_put_commit(p, "big", STORE_FAIL_IF_EXISTS, &e), e);
    do {
        ASSERT_OK(store_get(s, "big", total, back + total, SIZE - total, &got, &e), e);
        total += got;
    } while (got > 0 && total < SIZE);
    ASSERT_EQ(total, SIZE);
    ASSERT(memcmp(data, back, SIZE) == 0);
}

void store_conformance_ranges(struct store *s)
{
    char out[8] = "";
    size_t got;
    struct err e;
    struct buf small = BUF_INIT(9), fits = BUF_INIT(10);

    put(s, "x", "0123456789");
    ASSERT_OK(store_get(s, "x", 3, out, 4, &got, &e), e);
    ASSERT_EQ(got, 4);
    ASSERT_STR(out, "3456");
    ASSERT_OK(store_get(s, "x", 8, out, 4, &got, &e), e);
    ASSERT_EQ(got, 2);
    ASSERT_OK(store_get(s, "x", 10, out, 4, &got, &e), e);
    ASSERT_EQ(got, 0);
    ASSERT_OK(store_get(s, "x", 1000000, out, 4, &got, &e), e);
    ASSERT_EQ(got, 0);
    ASSERT_ERR(store_get_bytes(s, "x", &small, &e), e, ERR_LIMIT);
    ASSERT_OK(store_get_bytes(s, "x", &fits, &e), e);
    buf_deinit(&small);
    buf_deinit(&fits);
}

void store_conformance_replace_and_fail_if_exists(struct store *s)
{
    struct err e;

    put(s, "x/y", "first");
    ASSERT_ERR(store_put_bytes(s, "x/y", "second", 6, STORE_FAIL_IF_EXISTS, &e), e, ERR_EXISTS);
    ASSERT_CONTAINS(e.text, "x/y");
    check(s, "x/y", "first");
    ASSERT_OK(store_put_bytes(s, "x/y", "third", 5, STORE_REPLACE, &e), e);
    check(s, "x/y", "third");
    ASSERT_OK(store_put_bytes(s, "x/z", "new", 3, STORE_REPLACE, &e), e);
    check(s, "x/z", "new");
    check_list(s, "", false, "x/y|x/z|");
}

void store_conformance_abort_leaves_nothing(struct store *s)
{
    struct store_put *p;
    struct err e;

    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    ASSERT_OK(store_put_write(p, "abc", 3, &e), e);
    check_list(s, "", false, "");
    store_put_abort(p);
    store_put_abort(NULL);
    check_list(s, "", false, "");
}

void store_conformance_wrong_seal_is_damage(struct store *s)
{
    uint8_t digest[32];
    struct store_put *p;
    struct err e;

    (void)SHA256((const uint8_t *)"abd", 3, digest);
    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    ASSERT_OK(store_put_write(p, "abc", 3, &e), e);
    /* it may show at once or at the commit */
    if (store_put_seal(p, digest, &e) < 0) {
        ASSERT_EQ(e.code, ERR_DAMAGED);
        ASSERT_ERR(store_put_write(p, "abc", 3, &e), e, ERR_INTERNAL);
        store_put_abort(p);
    } else {
        ASSERT_ERR(store_put_commit(p, "x", STORE_REPLACE, &e), e, ERR_DAMAGED);
    }
    check_list(s, "", false, "");
}

void store_conformance_unsealed_bytes_are_refused(struct store *s)
{
    struct store_put *p;
    struct err e;

    ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p, &e), e);
    ASSERT_OK(store_put_write(p, "abc", 3, &e), e);
    ASSERT_ERR(store_put_commit(p, "x", STORE_REPLACE, &e), e, ERR_INTERNAL);
    check_list(s, "", false, "");
}

void store_conformance_names_are_checked(struct store *s)
{
    char longest[STORE_NAME_MAX + 2];
    const char *bad[] = {"",    "/",    "/a",   "a/",    "a//b",      ".",    "..",
                         "./a", "../a", "a/..", "a/./b", "a/../../b", longest};
    struct err e;
    char byte;
    size_t got;
    struct store_object o;

    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ASSERT_ERR(store_put_bytes(s, bad[i], "x", 1, STORE_REPLACE, &e), e, ERR_FORMAT);
        ASSERT_ERR(store_get(s, bad[i], 0, &byte, 1, &got, &e), e, ERR_FORMAT);
        ASSERT_ERR(store_stat(s, bad[i], &o, &e), e, ERR_FORMAT);
        ASSERT_ERR(store_delete(s, bad[i], &e), e, ERR_FORMAT);
        ASSERT(store_local_path(s, bad[i]) == NULL);
    }
    put(s, "..a/b..", "odd but fine");
    put(s, "spaces and \xc3\xbc and \xff", "any bytes");
    check(s, "..a/b..", "odd but fine");
    check(s, "spaces and \xc3\xbc and \xff", "any bytes");
}

/* '-' and '.' sort before '/', digits behind it: the order of folders alone is not enough. */
void store_conformance_lists_in_byte_order(struct store *s)
{
    const char *names[] = {"b", "a/x", "a-b", "a.c/y", "a0", "a/b/c", "a/b.d", "B", "\xc3\xa4"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(s, names[i], "x");
    check_list(s, "", false, "B|a-b|a.c/y|a/b.d|a/b/c|a/x|a0|b|\xc3\xa4|");
}

void store_conformance_lists_in_pages(struct store *s)
{
    struct store_object o[3];
    size_t n;
    struct err e;
    char name[32];

    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "d%d/o", i);
        put(s, name, "x");
    }
    ASSERT_OK(store_list(s, "", false, "d3/o", o, 3, &n, &e), e);
    ASSERT_EQ(n, 3);
    ASSERT_STR(o[0].name, "d4/o");
    ASSERT_STR(o[2].name, "d6/o");
    ASSERT_EQ(o[0].size, 1);
    ASSERT(o[0].modified.us > 1000000000000000);
    ASSERT_OK(store_list(s, "", false, "d8/zzz", o, 3, &n, &e), e);
    ASSERT_EQ(n, 1);
    ASSERT_OK(store_list(s, "", false, "d9/o", o, 3, &n, &e), e);
    ASSERT_EQ(n, 0);
    ASSERT_OK(store_list(s, "", false, "", o, 0, &n, &e), e);
    ASSERT_EQ(n, 0);
}

void store_conformance_lists_fold(struct store *s)
{
    put(s, "job/1/a", "x");
    put(s, "job/1/b", "x");
    put(s, "job/2/a/deep", "x");
    put(s, "job/file", "x");
    put(s, "top", "x");
    check_list(s, "", true, "job/|top|");
    check_list(s, "job/", true, "job/1/|job/2/|job/file|");
    check_list(s, "job/2/", true, "job/2/a/|");
    check_list(s, "job/2", true, "job/2/|");
    check_list(s, "job/9/", true, "");
}

void store_conformance_prefixes_need_no_slash(struct store *s)
{
    put(s, "ab/c1", "x");
    put(s, "ab/c2/d", "x");
    put(s, "ab/d", "x");
    put(s, "abc", "x");
    put(s, "b", "x");
    check_list(s, "ab", false, "ab/c1|ab/c2/d|ab/d|abc|");
    check_list(s, "ab/c", false, "ab/c1|ab/c2/d|");
    check_list(s, "ab/c", true, "ab/c1|ab/c2/|");
    check_list(s, "nothing/here", false, "");
    check_list(s, "b/", false, "");
}

void store_conformance_delete_is_final(struct store *s)
{
    struct err e;
    struct store_object o;

    put(s, "a/b/c", "x");
    put(s, "a/d", "x");
    ASSERT_OK(store_delete(s, "a/b/c", &e), e);
    ASSERT_ERR(store_delete(s, "a/b/c", &e), e, ERR_NOT_FOUND);
    ASSERT_ERR(store_stat(s, "a/b/c", &o, &e), e, ERR_NOT_FOUND);
    check_list(s, "", false, "a/d|");
    put(s, "a/b/c", "again");
    check(s, "a/b/c", "again");
    ASSERT_OK(store_delete(s, "a/b/c", &e), e);
    ASSERT_OK(store_delete(s, "a/d", &e), e);
    check_list(s, "", true, "");
}

void store_conformance_absent_objects(struct store *s)
{
    struct store_object o;
    struct err e;
    char byte;
    size_t got;
    const char *absent[] = {"a", "x", "x/y", "x/y/z/deeper", "f/below-a-file"};

    put(s, "x/y/z", "x");
    put(s, "f", "x");
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        ASSERT_ERR(store_get(s, absent[i], 0, &byte, 1, &got, &e), e, ERR_NOT_FOUND);
        ASSERT_ERR(store_stat(s, absent[i], &o, &e), e, ERR_NOT_FOUND);
        ASSERT_ERR(store_delete(s, absent[i], &e), e, ERR_NOT_FOUND);
    }
    check(s, "x/y/z", "x");
    check(s, "f", "x");
}

void store_conformance_puts_beside_each_other(struct store *s)
{
    struct store_put *p[4];
    uint8_t digest[32];
    char text[8], name[8];
    struct err e;

    for (int i = 0; i < 4; i++)
        ASSERT_OK(store_put_begin(s, NULL, STORE_AFRESH, &p[i], &e), e);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof(text), "text-%d", i);
        (void)SHA256((const uint8_t *)text, 6, digest);
        ASSERT_OK(store_put_write(p[i], text, 6, &e), e);
        ASSERT_OK(store_put_seal(p[i], digest, &e), e);
    }
    for (int i = 3; i >= 0; i--) {
        (void)snprintf(name, sizeof(name), "d/%d", i);
        ASSERT_OK(store_put_commit(p[i], name, STORE_FAIL_IF_EXISTS, &e), e);
    }
    check(s, "d/2", "text-2");
    check_list(s, "", false, "d/0|d/1|d/2|d/3|");
}
