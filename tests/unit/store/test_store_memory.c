#include "tests/lib/memory_store.h"
#include "tests/lib/store_conformance.h"

STORE_CONFORMANCE(memory_store_new)

static struct err e;

TEST(a_lost_answer_leaves_the_object)
{
    struct store *s = memory_store_new();
    struct store_object o;

    memory_store_faults(s)->lose_answer = 1;
    ASSERT_ERR(store_put_bytes(s, "a", "x", 1, STORE_FAIL_IF_EXISTS, &e), e, ERR_UNAVAILABLE);
    ASSERT_OK(store_stat(s, "a", &o, &e), e);
    ASSERT_ERR(store_put_bytes(s, "a", "x", 1, STORE_FAIL_IF_EXISTS, &e), e, ERR_EXISTS);
    store_close(s);
}

TEST(stale_lists_and_locks)
{
    struct store *s = memory_store_new();
    struct store_object o[2];
    size_t n;

    memory_store_faults(s)->stale_lists = true;
    ASSERT_OK(store_put_bytes(s, "a", "x", 1, STORE_REPLACE, &e), e);
    ASSERT_OK(store_list(s, "", false, "", o, 2, &n, &e), e);
    ASSERT_EQ(n, 0);
    memory_store_faults(s)->refuse_overwrite = true;
    memory_store_faults(s)->refuse_delete = true;
    ASSERT_ERR(store_put_bytes(s, "a", "y", 1, STORE_REPLACE, &e), e, ERR_DENIED);
    ASSERT_ERR(store_delete(s, "a", &e), e, ERR_DENIED);
    store_close(s);
}

TEST(call_n_fails)
{
    struct store *s = memory_store_new();
    struct store_object o;

    memory_store_faults(s)->fail_call = 2;
    ASSERT_ERR(store_put_bytes(s, "a", "x", 1, STORE_REPLACE, &e), e, ERR_UNAVAILABLE);
    ASSERT_ERR(store_stat(s, "a", &o, &e), e, ERR_NOT_FOUND);
    store_close(s);
}
