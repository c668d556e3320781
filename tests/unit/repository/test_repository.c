#include "repository_fixture.h"

#include "lib/base/str.h"

static struct err e;

static struct log_head add_set(struct repository *r, const char *id, int64_t sequence)
{
    struct log_head head;

    ASSERT_OK(log_append(r->writer, &us, "set", set_members("job", id, sequence), &head, &e), e);
    return head;
}

static size_t count_sets(const struct repository *r)
{
    struct repository_set *sets;
    size_t count;

    ASSERT_OK(repository_sets(r, &sets, &count, &e), e);
    free(sets);
    return count;
}

TEST(created_and_opened)
{
    struct store *s = memory_store_new();
    char id[33];

    ASSERT_EQ(repository_probe(s, id, &e), 1);
    struct repository *r = create_at(s);
    ASSERT_EQ(repository_probe(s, id, &e), 0);
    ASSERT_STR(id, r->id);
    ASSERT_STR(log_holder(r->writer, NULL, NULL), US);
    ASSERT_STR(log_holder(r->pruner, NULL, NULL), US);
    ASSERT_EQ(count_sets(r), 0);
    repository_close(r);
    r = open_with(s, KEY);
    ASSERT_STR(r->id, id);
    ASSERT_STR(r->slot, id); /* the first slot's name */
    ASSERT(!r->keys->write_only);
    repository_close(r);
    store_close(s);
}

/* A run that was broken off after repository.json and before the first slot; and slots that are gone. */
TEST(begun_and_without_a_key)
{
    struct store *s = memory_store_new(), *whole = memory_store_new();
    struct secret secret = secret_of(KEY);
    struct repository_spec spec = {.store = s, .secret = &secret};
    struct buf begun = BUF_INIT(4096);
    struct repository *r;

    repository_close(create_at(whole));
    ASSERT_OK(store_get_bytes(whole, "repository.json", &begun, &e), e);
    ASSERT_OK(store_put_bytes(s, "repository.json", begun.data, begun.len, STORE_REPLACE, &e), e);
    ASSERT_ERR(repository_open(&spec, &r, &e), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, "broken off");
    ASSERT_OK(store_put_bytes(s, "packs/00/x", "x", 1, STORE_REPLACE, &e), e);
    ASSERT_ERR(repository_open(&spec, &r, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "all key slots of the repository are gone");
    ASSERT_ERR(repository_create(&spec, &us, &r, &e), e, ERR_KEY);
    ASSERT_OK(store_delete(s, "packs/00/x", &e), e);
    ASSERT_OK(repository_create(&spec, &us, &r, &e), e);
    repository_close(r);
    repository_close(open_with(s, KEY));
    secret_deinit(&secret);
    buf_deinit(&begun);
    store_close(s);
    store_close(whole);
}

TEST(sets_come_and_go)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct repository_set set;

    struct log_head first = add_set(r, "20261120_143000", 1);
    (void)add_set(r, "20261121_143000", 2);
    ASSERT_EQ(count_sets(r), 2);
    ASSERT_OK(repository_find_set(r, "job", "20261121_143000", &set, &e), e);
    ASSERT_EQ(set.sequence, 2);
    ASSERT_EQ(set.manifest.length, 17);
    ASSERT_OK(log_append(r->pruner, &us, "removed",
                         removed_members("job", "20261120_143000", first.number), NULL, &e),
              e);
    ASSERT_ERR(repository_find_set(r, "job", "20261120_143000", &set, &e), e, ERR_NOT_FOUND);
    repository_close(r);
    r = open_with(s, KEY);
    ASSERT_EQ(count_sets(r), 1);
    repository_close(r);
    store_close(s);
}

/* The newest record of the writer is taken away. Nobody remembers it but the record that its set is gone. */
TEST(a_removal_tells_of_a_roll_back)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct repository_set *sets;
    char name[64];
    size_t count;

    struct log_head gone = add_set(r, "20261120_143000", 1);
    ASSERT_OK(log_append(r->pruner, &us, "removed",
                         removed_members("job", "20261120_143000", gone.number), NULL, &e),
              e);
    repository_close(r);
    (void)snprintf(name, sizeof(name), "log/writer/%012llu", (unsigned long long)gone.number);
    ASSERT_OK(store_delete(s, name, &e), e);
    r = open_with(s, KEY);
    ASSERT_ERR(repository_sets(r, &sets, &count, &e), e, ERR_TAMPERED);
    ASSERT_CONTAINS(e.text, "rolled back");
    repository_close(r);
    store_close(s);
}

TEST(marks)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct repository_set set;

    (void)add_set(r, "20261120_143000", 1);
    ASSERT_OK(log_append(r->writer, &us, "pin",
                         json_pack("{s:s s:s s:s s:s}", "job", "job", "id", "20261120_143000",
                                   "reason", "audit", "until", "2027-01-01T00:00:00Z"),
                         NULL, &e),
              e);
    ASSERT_OK(log_append(r->writer, &us, "accept",
                         json_pack("{s:s s:s s:s}", "job", "job", "id", "20261120_143000", "reason",
                                   "looked at"),
                         NULL, &e),
              e);
    ASSERT_OK(repository_find_set(r, "job", "20261120_143000", &set, &e), e);
    ASSERT(set.pinned && set.accepted);
    ASSERT_STR(set.pin_reason, "audit");
    ASSERT_EQ(set.pin_until.us, 1798761600000000LL);
    ASSERT_OK(log_append(r->writer, &us, "unpin",
                         json_pack("{s:s s:s s:s}", "job", "job", "id", "20261120_143000", "reason",
                                   "done"),
                         NULL, &e),
              e);
    ASSERT_OK(repository_find_set(r, "job", "20261120_143000", &set, &e), e);
    ASSERT(!set.pinned && set.accepted);
    repository_close(r);
    store_close(s);
}

TEST(trash_is_the_newest_list)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct repository_trash items[3] = {{.since = {1795262400000000}},
                                        {.since = {1795262401000000}},
                                        {.segment = true, .since = {1795262402000000}}};
    struct repository_trash *found;
    size_t count;

    ASSERT_OK(repository_trash(r, &found, &count, &e), e);
    ASSERT_EQ(count, 0);
    for (int i = 0; i < 3; i++)
        memset(items[i].pack.bytes, 'a' + i, 32);
    ASSERT_OK(repository_put_trash(r, &us, items, 3, &e), e);
    repository_close(r);
    r = open_with(s, KEY);
    ASSERT_OK(repository_trash(r, &found, &count, &e), e);
    ASSERT_EQ(count, 3);
    for (int i = 0; i < 3; i++) {
        ASSERT(memcmp(&found[i].pack, &items[i].pack, 32) == 0);
        ASSERT_EQ(found[i].since.us, items[i].since.us);
        ASSERT_EQ(found[i].segment, items[i].segment);
    }
    free(found);
    ASSERT_OK(repository_put_trash(r, &us, NULL, 0, &e), e);
    ASSERT_OK(repository_trash(r, &found, &count, &e), e);
    ASSERT_EQ(count, 0);
    free(found);
    repository_close(r);
    store_close(s);
}
