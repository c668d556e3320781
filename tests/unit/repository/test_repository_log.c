/* The logs: whole, damaged, cut, exchanged, rolled back; two who append; answers that are lost. */
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "repository_fixture.h"

static struct err e;

static struct log *open_log(struct store *s, const struct keys *k, const struct log_head *known)
{
    struct log *l = NULL;

    ASSERT_OK(log_open(s, k, LOG_WRITER, NULL, known, &l, &e), e);
    return l;
}

static struct keys *keys_of(void)
{
    struct keys *k = NULL;

    ASSERT_OK(keys_create(&k, &e), e);
    return k;
}

static void append_set(struct log *l, int64_t n)
{
    struct log_head head;

    ASSERT_OK(log_append(l, &us, "set", set_members("job", "20261120_143000", n), &head, &e), e);
    ASSERT_EQ(head.number, log_count(l));
}

/* The sequences are 1, 2, 3... behind the epoch. */
static void expect_sets(const struct log *l, size_t count)
{
    ASSERT_EQ(log_count(l), count + 1);
    for (size_t i = 1; i <= count; i++)
        ASSERT_EQ(json_opt_i64(log_at(l, i).body, "sequence", 0), i);
}

static struct store *store_of(const struct keys *k, size_t sets)
{
    struct store *s = memory_store_new();
    struct log *l = open_log(s, k, NULL);

    for (size_t i = 1; i <= sets; i++)
        append_set(l, (int64_t)i);
    log_close(l);
    return s;
}

static void object_of(struct store *s, uint64_t number, struct buf *ret)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "log/writer/%012llu", (unsigned long long)number);
    buf_clear(ret);
    ASSERT_OK(store_get_bytes(s, name, ret, &e), e);
}

static void put_object(struct store *s, uint64_t number, const void *data, size_t len)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "log/writer/%012llu", (unsigned long long)number);
    ASSERT_OK(store_put_bytes(s, name, data, len, STORE_REPLACE, &e), e);
}

static void delete_object(struct store *s, uint64_t number)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "log/writer/%012llu", (unsigned long long)number);
    ASSERT_OK(store_delete(s, name, &e), e);
}

static enum err_code open_fails(struct store *s, const struct keys *k, const struct log_head *known)
{
    struct log *l;

    if (log_open(s, k, LOG_WRITER, NULL, known, &l, &e) < 0)
        return e.code;
    log_close(l);
    return ERR_NONE;
}

TEST(records_over_many_groups)
{
    struct keys *k = keys_of();
    const size_t counts[] = {0, 1, 62, 63, 64, 65, 126, 127, 128, 200};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct store *s = store_of(k, counts[i]);
        struct log *l = open_log(s, k, NULL);
        if (counts[i] > 0)
            expect_sets(l, counts[i]);
        append_set(l, (int64_t)counts[i] + 1);
        struct log_head head = log_head(l);
        log_close(l);
        l = open_log(s, k, &head);
        expect_sets(l, counts[i] + 1);
        log_close(l);
        store_close(s);
    }
    keys_free(k);
}

TEST(only_the_last_object_of_a_group_is_needed)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 139); /* 140 records */

    for (uint64_t n = 1; n < 140; n++)
        if (n % 64 != 0)
            delete_object(s, n);
    struct log *l = open_log(s, k, NULL);
    expect_sets(l, 139);
    append_set(l, 140);
    log_close(l);
    delete_object(s, 64);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_TAMPERED);
    ASSERT_CONTAINS(e.text, "log/writer/000000000064 is missing");
    store_close(s);
    keys_free(k);
}

TEST(every_byte_counts)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 3);
    struct buf object = BUF_INIT(1 << 20);
    size_t tried = 0;

    object_of(s, 4, &object);
    for (size_t at = 0; at < object.len; at++) {
        object.data[at] ^= (uint8_t)(1 << at % 8);
        put_object(s, 4, object.data, object.len);
        ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
        ASSERT_CONTAINS(e.text, "log/writer/000000000004");
        object.data[at] ^= (uint8_t)(1 << at % 8);
        tried++;
    }
    for (size_t len = 0; len < object.len; len++, tried++) {
        put_object(s, 4, object.data, len);
        ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
    }
    ASSERT_OK(buf_append(&object, "x", 1, &e), e);
    put_object(s, 4, object.data, object.len);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
    put_object(s, 4, object.data, object.len - 1);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_NONE);
    test_note("%zu damaged objects", tried);
    buf_deinit(&object);
    store_close(s);
    keys_free(k);
}

TEST(objects_of_elsewhere_are_refused)
{
    struct keys *k = keys_of(), *other = keys_of();
    struct store *s = store_of(k, 5), *foreign = store_of(other, 5);
    struct buf a = BUF_INIT(1 << 20), b = BUF_INIT(1 << 20);

    object_of(s, 5, &a); /* exchanged */
    object_of(s, 6, &b);
    put_object(s, 6, a.data, a.len);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
    put_object(s, 7, b.data, b.len); /* replayed */
    put_object(s, 6, b.data, b.len);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
    delete_object(s, 7);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_NONE);
    object_of(foreign, 6, &a); /* another repository's */
    put_object(s, 6, a.data, a.len);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_DAMAGED);
    put_object(s, 6, b.data, b.len);
    for (uint64_t n = 1; n <= 6; n++) { /* the writer's as the pruner's */
        char name[64];
        object_of(s, n, &a);
        (void)snprintf(name, sizeof(name), "log/pruner/%012llu", (unsigned long long)n);
        ASSERT_OK(store_put_bytes(s, name, a.data, a.len, STORE_REPLACE, &e), e);
    }
    struct log *l;
    ASSERT_ERR(log_open(s, k, LOG_PRUNER, NULL, NULL, &l, &e), e, ERR_DAMAGED);
    buf_deinit(&a);
    buf_deinit(&b);
    store_close(s);
    store_close(foreign);
    keys_free(k);
    keys_free(other);
}

TEST(a_roll_back_shows_to_who_remembers)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 70), *fork = store_of(k, 3);
    struct log *l = open_log(s, k, NULL);
    const struct log_head head = log_head(l);
    struct log_head parsed;
    struct buf object = BUF_INIT(4 << 20);

    _cleanup_free_ char *text = log_head_text(&head);
    ASSERT_OK(log_head_parse(text, &parsed, &e), e);
    ASSERT(parsed.number == 71 && memcmp(parsed.hash, head.hash, SEAL_HASH_LEN) == 0);
    ASSERT_ERR(log_head_parse("x", &parsed, &e), e, ERR_FORMAT);
    ASSERT_ERR(log_head_parse("-1:00", &parsed, &e), e, ERR_FORMAT);
    log_close(l);
    ASSERT_EQ(open_fails(s, k, &head), ERR_NONE);
    for (uint64_t n = 71; n > 0; n--) {
        delete_object(s, n);
        ASSERT_EQ(open_fails(s, k, &head), ERR_TAMPERED);
        ASSERT_CONTAINS(e.text, "rolled back");
    }
    l = open_log(s, k, NULL); /* who remembers nothing sees an empty log */
    ASSERT_EQ(log_count(l), 0);
    log_close(l);
    l = open_log(fork, k, NULL); /* another log of the same keys, as long */
    const struct log_head other = log_head(l);
    log_close(l);
    struct store *again = store_of(k, 3);
    ASSERT_EQ(open_fails(again, k, &other), ERR_TAMPERED);
    ASSERT_CONTAINS(e.text, "replaced");
    /* a part of one and a part of another do not fit together */
    object_of(fork, 4, &object);
    put_object(again, 4, object.data, object.len);
    ASSERT_EQ(open_fails(again, k, NULL), ERR_NONE); /* the newest object alone is read */
    buf_deinit(&object);
    store_close(s);
    store_close(fork);
    store_close(again);
    keys_free(k);
}

TEST(a_group_of_another_fork_breaks_the_chain)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 70), *fork = store_of(k, 70);
    struct buf object = BUF_INIT(4 << 20);

    object_of(fork, 64, &object);
    put_object(s, 64, object.data, object.len);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_TAMPERED);
    ASSERT_CONTAINS(e.text, "replaced");
    buf_deinit(&object);
    store_close(s);
    store_close(fork);
    keys_free(k);
}

TEST(the_second_writer_is_fenced_off)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 2);
    struct log *mine = open_log(s, k, NULL), *theirs = open_log(s, k, NULL);
    const char *host;

    ASSERT_ERR(log_append(theirs, &them, "set", set_members("job", "20261120_143000", 9), NULL, &e),
               e, ERR_FOREIGN);
    ASSERT_CONTAINS(e.text, "here");
    ASSERT_CONTAINS(e.text, "synbakctl adopt");
    append_set(mine, 3);
    ASSERT_OK(log_take(theirs, &them, &e), e); /* behind ours, which it had not seen */
    ASSERT_EQ(log_count(theirs), 5);
    ASSERT_ERR(log_append(mine, &us, "set", set_members("job", "20261120_143000", 4), NULL, &e), e,
               ERR_FOREIGN);
    ASSERT_CONTAINS(e.text, "there");
    ASSERT_ERR(log_check_holder(mine, &us, &e), e, ERR_FOREIGN);
    ASSERT_OK(log_check_holder(theirs, &them, &e), e);
    ASSERT_OK(log_take(theirs, &them, &e), e); /* once is enough */
    ASSERT_EQ(log_count(theirs), 5);
    ASSERT_OK(log_take(mine, &us, &e), e); /* and back */
    append_set(mine, 4);
    ASSERT_STR(log_holder(mine, &host, NULL), US);
    ASSERT_STR(host, "here");
    ASSERT_OK(log_take(theirs, &them, &e), e); /* by a view that is old: they held it once */
    ASSERT_OK(log_check_holder(theirs, &them, &e), e);
    log_close(mine);
    log_close(theirs);
    mine = open_log(s, k, NULL);
    ASSERT_EQ(log_count(mine), 8);
    log_close(mine);
    store_close(s);
    keys_free(k);
}

/* Two of one installation: nobody's record is lost, none is there twice. */
TEST(two_append_by_turns)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 0);
    struct log *l[2] = {open_log(s, k, NULL), open_log(s, k, NULL)};
    bool seen[101] = {false};

    for (int64_t i = 1; i <= 100; i++)
        ASSERT_OK(log_append(l[(i / 3) % 2], &us, "set", set_members("job", "20261120_143000", i),
                             NULL, &e),
                  e);
    log_close(l[0]);
    log_close(l[1]);
    l[0] = open_log(s, k, NULL);
    ASSERT_EQ(log_count(l[0]), 101);
    for (size_t i = 1; i <= 100; i++) {
        int64_t n = json_opt_i64(log_at(l[0], i).body, "sequence", 0);
        ASSERT(n >= 1 && n <= 100 && !seen[n]);
        seen[n] = true;
    }
    log_close(l[0]);
    store_close(s);
    keys_free(k);
}

TEST(a_lost_answer_is_no_failure)
{
    struct keys *k = keys_of();

    for (unsigned change = 1; change <= 3; change++) {
        struct store *s = memory_store_new();
        struct log *l = open_log(s, k, NULL);
        memory_store_faults(s)->lose_answer = change;
        for (int64_t i = 1; i <= 2; i++)
            append_set(l, i);
        log_close(l);
        l = open_log(s, k, NULL);
        expect_sets(l, 2);
        log_close(l);
        store_close(s);
    }
    keys_free(k);
}

/* Every call of an append fails, once or from then on; done again, each set is there once. */
TEST(every_call_fails)
{
    struct keys *k = keys_of();
    unsigned tried = 0;

    for (int ever = 0; ever < 2; ever++)
        for (unsigned call = 1; call <= 19; call++) {
            struct store *s = store_of(k, 62);
            struct memory_store_faults *f = memory_store_faults(s);
            struct log *l = NULL;
            int64_t next = 63;
            f->calls = 0;
            f->fail_call = call;
            f->fail_ever_after = ever == 1;
            if (log_open(s, k, LOG_WRITER, NULL, NULL, &l, &e) == 0)
                while (next <= 66 &&
                       log_append(l, &us, "set", set_members("job", "20261120_143000", next), NULL,
                                  &e) == 0)
                    next++;
            tried += f->calls >= call;
            f->fail_call = 0;
            if (l == NULL)
                l = open_log(s, k, NULL);
            for (; next <= 66; next++)
                ASSERT_OK(log_append(l, &us, "set", set_members("job", "20261120_143000", next),
                                     NULL, &e),
                          e);
            log_close(l);
            l = open_log(s, k, NULL);
            expect_sets(l, 66);
            log_close(l);
            store_close(s);
        }
    ASSERT(tried > 30);
    test_note("%u failed calls", tried);
    keys_free(k);
}

TEST(stale_lists_hide_nothing)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 5);

    memory_store_faults(s)->stale_lists = true;
    struct log *l = open_log(s, k, NULL);
    expect_sets(l, 5);
    append_set(l, 6);
    log_close(l);
    l = open_log(s, k, NULL);
    expect_sets(l, 6);
    log_close(l);
    store_close(s);
    keys_free(k);
}

TEST(the_cache_saves_reading_and_is_checked)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 200);
    _cleanup_free_ char *dir = mem_printf("%s/cache", test_dir());
    struct log *l;
    unsigned calls[3];

    for (int i = 0; i < 3; i++) {
        if (i == 2) { /* one group is damaged here, another missing */
            _cleanup_free_ char *bad = mem_printf(
                "printf x > %s/log-writer-000000000064 && rm %s/log-writer-*128", dir, dir);
            ASSERT_EQ(system(bad), 0);
        }
        memory_store_faults(s)->calls = 0;
        ASSERT_OK(log_open(s, k, LOG_WRITER, dir, NULL, &l, &e), e);
        calls[i] = memory_store_faults(s)->calls;
        expect_sets(l, 200);
        log_close(l);
    }
    ASSERT(calls[1] <= calls[0] - 3);
    ASSERT_EQ(calls[2], calls[1] + 2 * (calls[0] - calls[1]) / 3);
    /* what is gone at the store is gone, whatever lies here */
    for (uint64_t n = 100; n <= 201; n++)
        delete_object(s, n);
    ASSERT_OK(log_open(s, k, LOG_WRITER, dir, NULL, &l, &e), e);
    ASSERT_EQ(log_count(l), 99);
    log_close(l);
    store_close(s);
    keys_free(k);
}

TEST(replicas_get_the_newest)
{
    struct keys *k = keys_of();
    struct store *s = memory_store_new(), *replica = memory_store_new();
    struct log *l = open_log(s, k, NULL), *copy;

    for (int64_t i = 1; i <= 70; i++) {
        append_set(l, i);
        if (i == 1) { /* two records, the epoch too: more than the newest */
            ASSERT_EQ(log_replicate(l, replica, &e), 1);
            struct log *other = open_log(replica, k, NULL);
            struct buf object = BUF_INIT(1 << 20);
            for (uint64_t n = 1; n <= 2; n++) {
                object_of(s, n, &object);
                put_object(replica, n, object.data, object.len);
            }
            buf_deinit(&object);
            log_close(other);
        }
        memory_store_faults(replica)->lose_answer = memory_store_faults(replica)->changes + 1;
        ASSERT_EQ(log_replicate(l, replica, &e), 0);
        ASSERT_EQ(log_replicate(l, replica, &e), 0);
    }
    copy = open_log(replica, k, NULL);
    expect_sets(copy, 70);
    /* it went a way of its own */
    ASSERT_OK(log_append(copy, &us, "set", set_members("job", "20261120_143000", 99), NULL, &e), e);
    append_set(l, 71);
    ASSERT_EQ(log_replicate(l, replica, &e), 1);
    append_set(l, 72);
    ASSERT_EQ(log_replicate(l, replica, &e), 1);
    log_close(l);
    log_close(copy);
    store_close(s);
    store_close(replica);
    keys_free(k);
}

TEST(what_cannot_be_a_record)
{
    struct keys *k = keys_of();
    struct store *s = store_of(k, 0);
    struct log *l = open_log(s, k, NULL);
    size_t big = LOG_RECORD_MAX;
    _cleanup_free_ char *long_text = mem_alloc(big + 1);

    memset(long_text, 'x', big);
    ASSERT_ERR(log_append(l, &us, "set", json_pack("{s:s}", "job", long_text), NULL, &e), e,
               ERR_LIMIT);
    /* a kind that no reader knows would make the log unreadable for all */
    ASSERT_ERR(log_append(l, &us, "novelty", json_object(), NULL, &e), e, ERR_FORMAT);
    log_close(l);
    ASSERT_EQ(open_fails(s, k, NULL), ERR_NONE);
    store_close(s);
    keys_free(k);
}

TEST(write_only_keys_append_sets_alone)
{
    struct keys *k = keys_of(), *small;
    struct buf bundle = BUF_INIT(1 << 16);

    ASSERT_OK(keys_to_bundle(k, true, &bundle, &e), e);
    ASSERT_OK(keys_from_bundle(bundle.data, bundle.len, &small, &e), e);
    struct store *s = store_of(small, 3);
    struct log *l = open_log(s, k, NULL);
    expect_sets(l, 3);
    log_close(l);
    ASSERT_OK(log_open(s, small, LOG_PRUNER, NULL, NULL, &l, &e), e);
    ASSERT_ERR(log_take(l, &us, &e), e, ERR_KEY);
    log_close(l);
    store_close(s);
    buf_wipe(&bundle);
    keys_free(k);
    keys_free(small);
}
