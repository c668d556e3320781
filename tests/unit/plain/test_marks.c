/* Marks: numbered, authenticated, bound to their set; the highest counts. */
#include "lib/plain/marks.h"
#include "tests/lib/memory_store.h"
#include "tests/unit/plain/set_fixture.h"

#define JOB "job"
#define ID  "20260101_000000"

static void add(struct store *s, const struct mac_key *k, const char *kind, int64_t until)
{
    struct err e = {0};

    ASSERT_OK(marks_add(s, JOB, ID, k, kind, "why \xff", (struct wall){until * 1000000},
                        (struct wall){1000000}, &e),
              e);
}

static struct marks read_marks(struct store *s, const struct mac_key *k)
{
    struct marks m;
    struct err e = {0};

    ASSERT_OK(marks_read(s, JOB, ID, k, &m, &e), e);
    return m;
}

TEST(the_highest_of_each_kind_counts)
{
    struct store *s = memory_store_new();
    const struct mac_key k = quick_key(1);
    struct marks m = read_marks(s, &k);

    ASSERT(!m.pinned && !m.accepted);
    for (int i = 0; i < 20; i++) /* more than a page of the list */
        add(s, &k, i % 2 ? "unpin" : "pin", 0);
    add(s, &k, "accept", 0);
    m = read_marks(s, &k);
    ASSERT(!m.pinned && m.accepted);
    marks_deinit(&m);
    add(s, &k, "pin", 1893456000);
    m = read_marks(s, &k);
    ASSERT(m.pinned);
    ASSERT_EQ(m.pin_until.us, 1893456000LL * 1000000);
    ASSERT_STR(m.pin_reason, "why \\xff");
    marks_deinit(&m);
    store_close(s);
}

TEST(each_bit_is_noticed)
{
    struct store *s = memory_store_new();
    const struct mac_key k = quick_key(1), wrong = quick_key(2);
    struct store_object o;
    struct marks m;
    struct err e = {0};
    static const char name[] = JOB "/" ID ".marks/0001.json";

    add(s, &k, "pin", 0);
    ASSERT_OK(store_stat(s, name, &o, &e), e);
    for (uint64_t at = 0; at < o.size; at++) {
        memory_store_damage(s, name, at);
        if (marks_read(s, JOB, ID, &k, &m, &e) == 0)
            test_fail(__FILE__, __LINE__, "byte %llu", (unsigned long long)at);
        ASSERT_EQ(e.code, ERR_DAMAGED);
        memory_store_damage(s, name, at);
    }
    test_note("%llu flipped bits, all noticed", (unsigned long long)o.size);
    ASSERT_ERR(marks_read(s, JOB, ID, &wrong, &m, &e), e, ERR_DAMAGED);
    m = read_marks(s, &k);
    marks_deinit(&m);
    store_close(s);
}

TEST(a_mark_cannot_move)
{
    static const char mark[] = JOB "/" ID ".marks/0001.json";
    static const char *const elsewhere[] = {JOB "/" ID ".marks/0002.json",
                                            JOB "/20260102_000000.marks/0001.json",
                                            "other/" ID ".marks/0001.json"};
    const struct mac_key k = quick_key(1);

    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        struct store *s = memory_store_new();
        struct buf bytes = BUF_INIT(1 << 16);
        struct marks m;
        struct err e = {0};
        add(s, &k, "pin", 0);
        ASSERT_OK(store_get_bytes(s, mark, &bytes, &e), e);
        ASSERT_OK(store_put_bytes(s, elsewhere[i], bytes.data, bytes.len, STORE_FAIL_IF_EXISTS, &e),
                  e);
        int rc = i == 0   ? marks_read(s, JOB, ID, &k, &m, &e)
                 : i == 1 ? marks_read(s, JOB, "20260102_000000", &k, &m, &e)
                          : marks_read(s, "other", ID, &k, &m, &e);
        ASSERT_ERR(rc, e, ERR_DAMAGED);
        buf_deinit(&bytes);
        store_close(s);
    }
}

TEST(names_are_checked)
{
    struct store *s = memory_store_new();
    const struct mac_key k = quick_key(1);
    struct marks m;
    struct err e = {0};

    ASSERT_ERR(marks_read(s, "..", ID, &k, &m, &e), e, ERR_NOT_FOUND);
    ASSERT_ERR(marks_read(s, JOB, "../x", &k, &m, &e), e, ERR_NOT_FOUND);
    ASSERT_ERR(marks_add(s, JOB, "latest", &k, "pin", "", (struct wall){0}, (struct wall){1}, &e),
               e, ERR_NOT_FOUND);
    ASSERT_ERR(manifest_delete_set(s, JOB, "..", &e), e, ERR_NOT_FOUND);
    store_close(s);
}

/* What counts at the source counts at the target; doing it again does nothing. */
TEST(marks_are_copied_once)
{
    struct store *s = memory_store_new(), *to = memory_store_new();
    const struct mac_key k = quick_key(1), other = quick_key(2);
    struct marks m, there;
    struct err e = {0};

    for (int round = 0; round < 3; round++) {
        add(s, &k, round == 1 ? "unpin" : "pin", 1893456000 + round);
        if (round == 2)
            add(s, &k, "accept", 0);
        m = read_marks(s, &k);
        for (int again = 0; again < 2; again++) {
            unsigned before = memory_store_faults(to)->changes;
            ASSERT_OK(marks_copy(&m, to, JOB, ID, &other, &e), e);
            ASSERT_EQ(memory_store_faults(to)->changes - before, again == 0 ? 1 + (round == 2) : 0);
            there = read_marks(to, &other);
            ASSERT(there.pinned == m.pinned && there.accepted == m.accepted);
            ASSERT_EQ(there.pin_until.us, m.pin_until.us);
            ASSERT_EQ(there.pin_time.us, m.pin_time.us);
            ASSERT_STR(there.pin_reason, m.pin_reason);
            marks_deinit(&there);
        }
        marks_deinit(&m);
    }
    store_close(s);
    store_close(to);
}

TEST(a_later_mark_at_the_target_stands)
{
    struct store *s = memory_store_new(), *to = memory_store_new();
    const struct mac_key k = quick_key(1);
    struct marks m, there;
    struct err e = {0};

    add(s, &k, "pin", 0);
    m = read_marks(s, &k);
    ASSERT_OK(marks_add(to, JOB, ID, &k, "unpin", "", (struct wall){0}, (struct wall){9000000}, &e),
              e);
    ASSERT_OK(marks_copy(&m, to, JOB, ID, &k, &e), e);
    there = read_marks(to, &k);
    ASSERT(!there.pinned);
    marks_deinit(&there);
    marks_deinit(&m);
    store_close(s);
    store_close(to);
}
