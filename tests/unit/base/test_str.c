#include "lib/base/str.h"
#include "lib/base/mem.h"
#include "tests/lib/test.h"

TEST(spans_and_sizes)
{
    struct err e;
    int64_t s;
    uint64_t b;

    ASSERT_OK(str_to_seconds("1h 30min", &s, &e), e);
    ASSERT_EQ(s, 5400);
    ASSERT_OK(str_to_seconds("90", &s, &e), e);
    ASSERT_EQ(s, 90);
    ASSERT_ERR(str_to_seconds("5 parsecs", &s, &e), e, ERR_FORMAT);
    ASSERT_ERR(str_to_seconds("", &s, &e), e, ERR_FORMAT);
    ASSERT_OK(str_to_bytes("64G", &b, &e), e);
    ASSERT_EQ(b, 64LL << 30);
    ASSERT_ERR(str_to_bytes("99999999999T", &b, &e), e, ERR_FORMAT);
}

TEST(printable_hides_control_and_bidi)
{
    _cleanup_free_ char *a = str_printable("a\x1b[31m\n\xff\xe2\x80\xae", 11);

    ASSERT_STR(a, "a\\x1b[31m\\x0a\\xff\\u202e");
    _cleanup_free_ char *b = str_printable("grüße", 7);
    ASSERT_STR(b, "grüße");
}

TEST(split_quotes)
{
    struct err e;
    struct strlist l = {0};

    ASSERT_OK(strlist_split(&l, "  a \"b c\" d\"e\\\" f\" ", &e), e);
    ASSERT_EQ(l.count, 3);
    ASSERT_STR(l.items[1], "b c");
    ASSERT_STR(l.items[2], "de\" f");
    ASSERT_ERR(strlist_split(&l, "\"open", &e), e, ERR_FORMAT);
    strlist_deinit(&l);
}

TEST(nearest_name)
{
    static const char *const names[] = {"exclude", "include", "path"};

    ASSERT_STR(str_nearest("exclud", names, 3), "exclude");
    ASSERT(str_nearest("zzzzzz", names, 3) == NULL);
    ASSERT(!str_is_name("latest"));
    ASSERT(!str_is_name("../x"));
    ASSERT(str_is_name("synapse-hourly"));
}
