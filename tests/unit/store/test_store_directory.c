#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/store/store.h"
#include "tests/lib/test.h"

TEST(put_list_get_delete)
{
    struct err e;
    struct store *s;
    struct store_object o[8];
    size_t n;
    struct buf out = BUF_INIT(100);

    ASSERT_OK(store_open_directory(test_dir(), false, &s, &e), e);
    ASSERT_OK(store_put_bytes(s, "job/1/a", "hello", 5, STORE_FAIL_IF_EXISTS, &e), e);
    ASSERT_ERR(store_put_bytes(s, "job/1/a", "other", 5, STORE_FAIL_IF_EXISTS, &e), e, ERR_EXISTS);
    ASSERT_OK(store_list(s, "", false, "", o, 8, &n, &e), e);
    ASSERT_EQ(n, 1);
    ASSERT_STR(o[0].name, "job/1/a");
    ASSERT_OK(store_list(s, "job/", true, "", o, 8, &n, &e), e);
    ASSERT_EQ(n, 1);
    ASSERT_STR(o[0].name, "job/1/");
    ASSERT_OK(store_get_bytes(s, "job/1/a", &out, &e), e);
    ASSERT_STR((char *)out.data, "hello");
    buf_deinit(&out);
    ASSERT_OK(store_delete(s, "job/1/a", &e), e);
    ASSERT_ERR(store_delete(s, "job/1/a", &e), e, ERR_NOT_FOUND);
    ASSERT_OK(store_list(s, "", true, "", o, 8, &n, &e), e);
    ASSERT_EQ(n, 0);
    store_close(s);
}
