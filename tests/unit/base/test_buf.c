#include "lib/base/buf.h"
#include "tests/lib/test.h"

static struct err e;

TEST(it_grows_up_to_its_maximum)
{
    struct buf b = BUF_INIT(1000);

    for (int i = 0; i < 100; i++)
        ASSERT_OK(buf_append(&b, "0123456789", 10, &e), e);
    ASSERT_EQ(b.len, 1000);
    ASSERT_ERR(buf_append(&b, "x", 1, &e), e, ERR_LIMIT);
    ASSERT_EQ(b.len, 1000);
    ASSERT_EQ(b.data[1000], 0);
    ASSERT_ERR(buf_reserve(&b, SIZE_MAX, &e), e, ERR_LIMIT);
    buf_deinit(&b);
    ASSERT_EQ(b.max, 1000);
    ASSERT_OK(buf_append(&b, NULL, 0, &e), e);
    ASSERT_EQ(b.len, 0);
    buf_deinit(&b);
}

TEST(text_goes_in_and_out)
{
    struct buf b = BUF_INIT(100);

    ASSERT_OK(buf_printf(&b, &e, "%s %d", "text", 7), e);
    ASSERT_STR((char *)b.data, "text 7");
    buf_consume(&b, 5);
    ASSERT_STR((char *)b.data, "7");
    buf_consume(&b, 0);
    char *s = buf_take_string(&b);
    ASSERT_STR(s, "7");
    free(s);
    s = buf_take_string(&b);
    ASSERT_STR(s, "");
    free(s);
    ASSERT_ERR(buf_printf(&b, &e, "%200d", 1), e, ERR_LIMIT);
    buf_deinit(&b);
}

TEST(clearing_keeps_memory_and_wiping_does_not)
{
    struct buf b = BUF_INIT(100);

    ASSERT_OK(buf_append(&b, "secret", 6, &e), e);
    size_t cap = b.cap;
    buf_clear(&b);
    ASSERT_EQ(b.len, 0);
    ASSERT_EQ(b.cap, cap);
    ASSERT_STR((char *)b.data, "");
    buf_wipe(&b);
    ASSERT(b.data == NULL);
    buf_wipe(&b);
}
