#include "lib/base/mem.h"
#include "lib/store/s3_name.h"
#include "tests/lib/test.h"

static void both_ways(const char *name, const char *want)
{
    char *key = s3_name_to_key("", name);

    ASSERT_STR(key, want);
    s3_name_from_key(key);
    ASSERT_STR(key, name);
    free(key);
}

TEST(utf8_stays_as_it_is)
{
    _cleanup_free_ char *key = s3_name_to_key("host1/", "job/media.tar");

    ASSERT_STR(key, "host1/job/media.tar");
    both_ways("a b/\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
              "a b/\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(other_bytes_come_back)
{
    both_ways("\xff", "\xf4\x8f\xbf\xbf");
    both_ways("x\x80y", "x\xf4\x8f\xbe\x80y");
    both_ways("cut \xc3", "cut \xf4\x8f\xbf\x83");
}

/* What looks like our own way of writing is written so itself. */
TEST(what_stands_for_a_byte_comes_back)
{
    char *key = s3_name_to_key("", "\xf4\x8f\xbf\xbf");

    ASSERT_EQ(strlen(key), 16);
    s3_name_from_key(key);
    ASSERT_STR(key, "\xf4\x8f\xbf\xbf");
    free(key);
}
