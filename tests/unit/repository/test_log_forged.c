/* Records and trash lists with seals and signatures that are right, by somebody who has the keys and keeps to no rule, or by
 * somebody without who puts back what lay there before: none is believed. */
#include "lib/base/bytes.h"
#include "lib/repository/log_parts.h"
#include "repository_fixture.h"

static struct err e;

struct forger {
    struct store *s;
    struct keys *k;
    struct buf object;
    struct log_head last;
};

static void begin(struct forger *f)
{
    *f = (struct forger){.s = memory_store_new(), .object = BUF_INIT(LOG_OBJECT_MAX)};
    ASSERT_OK(keys_create(&f->k, &e), e);
}

/* The next record, which says what it is told to. */
static void add(struct forger *f, const char *installation, const char *kind, uint64_t says)
{
    _cleanup_free_ char *previous = mem_alloc(2 * SEAL_HASH_LEN + 1);
    uint8_t length[4], *raw;
    size_t len;

    hex_encode(f->last.hash, SEAL_HASH_LEN, previous);
    json_t *body = json_pack("{s:I s:s s:s s:s s:s s:s}", "number", (json_int_t)says, "previous",
                             previous, "time", "2026-11-20T14:30:00Z", "installation", installation,
                             "host", "here", "kind", kind);
    f->last.number++;
    ASSERT_OK(log_record_make(f->k, LOG_WRITER, f->last.number, body, &raw, &len, &e), e);
    json_decref(body);
    seal_sha256(raw, len, f->last.hash);
    bytes_put_u32(length, (uint32_t)len);
    ASSERT_OK(buf_append(&f->object, length, sizeof(length), &e), e);
    ASSERT_OK(buf_append(&f->object, raw, len, &e), e);
    free(raw);
}

static int open_it(struct forger *f)
{
    struct log *l = NULL;
    char name[LOG_NAME_SIZE];

    log_object_name(LOG_WRITER, f->last.number, name);
    ASSERT_OK(store_put_bytes(f->s, name, f->object.data, f->object.len, STORE_FAIL_IF_EXISTS, &e),
              e);
    int rc = log_open(f->s, f->k, LOG_WRITER, NULL, NULL, &l, &e);
    log_close(l);
    buf_deinit(&f->object);
    keys_free(f->k);
    store_close(f->s);
    return rc;
}

TEST(who_takes_the_role_may_append)
{
    struct forger f;

    begin(&f);
    add(&f, US, "epoch", 1);
    add(&f, US, "set", 2);
    add(&f, THEM, "epoch", 3);
    add(&f, THEM, "set", 4);
    ASSERT_OK(open_it(&f), e);
}

TEST(who_does_not_hold_the_role)
{
    struct forger f;

    begin(&f);
    add(&f, US, "epoch", 1);
    add(&f, THEM, "set", 2);
    ASSERT(open_it(&f) < 0);
    ASSERT_CONTAINS(e.text, "that did not hold the role");
    begin(&f);
    add(&f, US, "epoch", 1);
    add(&f, THEM, "epoch", 2);
    add(&f, US, "set", 3); /* it was fenced off */
    ASSERT(open_it(&f) < 0);
    ASSERT_CONTAINS(e.text, "that did not hold the role");
    begin(&f);
    add(&f, US, "set", 1); /* nobody has it yet */
    ASSERT(open_it(&f) < 0);
    ASSERT_CONTAINS(e.text, "that did not hold the role");
}

TEST(a_record_that_says_another_number)
{
    struct forger f;

    begin(&f);
    add(&f, US, "epoch", 1);
    add(&f, US, "set", 3);
    ASSERT(open_it(&f) < 0);
    ASSERT_CONTAINS(e.text, "it says that it is number 3");
}

/* Sealed with the right key, but not what the pruner signed: else what left the list would be deleted. */
TEST(an_older_trash_list_in_the_place_of_the_newest)
{
    struct store *s = memory_store_new();
    struct repository *r = create_at(s);
    struct repository_trash item = {.since = {1795262400000000}}, *found;
    struct buf old = BUF_INIT(1 << 20);
    char first[40], second[40];
    size_t count;

    ASSERT_OK(repository_put_trash(r, &us, &item, 1, &e), e);
    (void)snprintf(first, sizeof(first), "trash/%012llu",
                   (unsigned long long)log_head(r->pruner).number);
    ASSERT_OK(store_get_bytes(s, first, &old, &e), e);
    ASSERT_OK(repository_put_trash(r, &us, NULL, 0, &e), e);
    (void)snprintf(second, sizeof(second), "trash/%012llu",
                   (unsigned long long)log_head(r->pruner).number);
    ASSERT_OK(repository_trash(r, &found, &count, &e), e);
    ASSERT_EQ(count, 0);
    free(found);
    ASSERT_OK(store_put_bytes(s, second, old.data, old.len, STORE_REPLACE, &e), e);
    ASSERT_ERR(repository_trash(r, &found, &count, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "not the list that the pruner signed");
    buf_deinit(&old);
    repository_close(r);
    store_close(s);
}
