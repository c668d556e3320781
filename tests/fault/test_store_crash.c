/* The directory store, broken off at every point: what was acknowledged is there whole, what was
 * not is there whole or not at all, and nothing else has changed. */
#include <errno.h>
#include <openssl/sha.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/store/marker.h"
#include "tests/lib/campaign.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

#define US    "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static struct err e;

enum { ADOPTED = 4, STEPS = 8 };

/* Every object: the step that makes it and the one that deletes it; 0 is before all, or never. */
static const struct object {
    const char *name;
    size_t len;
    unsigned made, deleted;
} objects[] = {
    {"job/1/a", 9000, 0, 6},    {"job/1/manifest.json", 300, 0, 5}, {"job/0/kept", 5000, 0, 0},
    {"job/2/a", 20000, 1, 0},   {"job/2/manifest.json", 300, 2, 0}, {"top", 10, 7, 0},
    {"job/3/x/empty", 0, 8, 0},
};

/* Bytes that are different for each object and at each place. */
static uint8_t *bytes_of(const struct object *o)
{
    uint8_t *data = mem_alloc(o->len);

    for (size_t i = 0; i < o->len; i++)
        data[i] = (uint8_t)((i * 2654435761u >> 11) + (size_t)(o - objects) * 37);
    return data;
}

/* In several writes and seals, as the archive worker does it. */
static int put(struct store *s, const struct object *o)
{
    enum { PIECE = 7000 };
    _cleanup_free_ uint8_t *data = bytes_of(o);
    struct store_put *p;
    uint8_t digest[32];

    if (store_put_begin(s, NULL, STORE_AFRESH, &p, &e) < 0)
        return -1;
    for (size_t at = 0; at < o->len; at += PIECE) {
        size_t len = o->len - at < PIECE ? o->len - at : PIECE;
        (void)SHA256(data + at, len, digest);
        if (store_put_write(p, data + at, len, &e) < 0 || store_put_seal(p, digest, &e) < 0) {
            store_put_abort(p);
            return -1;
        }
    }
    return store_put_commit(p, o->name, STORE_FAIL_IF_EXISTS, &e);
}

static struct store *open_store(const char *dir)
{
    struct store *s;

    ASSERT_OK(store_open_directory(dir, false, &s, &e), e);
    return s;
}

static void prepare(const char *dir)
{
    struct store *s = open_store(dir);
    struct marker m;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        if (objects[i].made == 0)
            ASSERT_OK(put(s, &objects[i]), e);
    ASSERT_OK(marker_adopt(s, OTHER, NULL, &m, &e), e);
    store_close(s);
}

static int step(struct store *s, unsigned number)
{
    struct marker m;

    if (number == 3)
        return store_point(s, "job/latest", "2", &e);
    if (number == ADOPTED)
        return marker_adopt(s, US, NULL, &m, &e);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        if (objects[i].made == number)
            return put(s, &objects[i]);
        if (objects[i].deleted == number)
            return store_delete(s, objects[i].name, &e);
    }
    abort();
}

static void work(const char *dir)
{
    struct store *s;

    if (store_open_directory(dir, false, &s, &e) < 0)
        return;
    for (unsigned number = 1; number <= STEPS; number++) {
        if (step(s, number) < 0)
            break;
        campaign_done(number);
    }
    store_close(s);
}

static bool is_whole(struct store *s, const struct object *o)
{
    _cleanup_free_ uint8_t *want = bytes_of(o);
    _cleanup_(buf_deinit) struct buf got = BUF_INIT(100000);

    if (store_get_bytes(s, o->name, &got, &e) < 0) {
        ASSERT_EQ(e.code, ERR_NOT_FOUND);
        return false;
    }
    ASSERT_EQ(got.len, o->len);
    ASSERT(o->len == 0 || memcmp(got.data, want, o->len) == 0);
    return true;
}

static void check_object(struct store *s, const struct object *o, unsigned done)
{
    bool there = is_whole(s, o);

    if (o->made <= done && (o->deleted == 0 || o->deleted > done + 1) && !there)
        test_fail(__FILE__, __LINE__, "after step %u %s is lost", done, o->name);
    if ((o->made > done + 1 || (o->deleted != 0 && o->deleted <= done)) && there)
        test_fail(__FILE__, __LINE__, "after step %u %s is there", done, o->name);
}

static void check_list(struct store *s)
{
    struct store_object page[16];
    size_t n;

    ASSERT_OK(store_list(s, "", false, "", page, 16, &n, &e), e);
    for (size_t i = 0; i < n; i++) {
        bool known = strcmp(page[i].name, MARKER_NAME) == 0;
        for (size_t k = 0; k < ARRAY_LEN(objects); k++)
            known |= strcmp(page[i].name, objects[k].name) == 0 && page[i].size == objects[k].len;
        if (!known)
            test_fail(__FILE__, __LINE__, "%s is there", page[i].name);
    }
}

static void check(const char *dir, unsigned done)
{
    struct store *s = open_store(dir);
    struct marker m;
    size_t swept;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        check_object(s, &objects[i], done);
    check_list(s);
    ASSERT_OK(marker_read(s, &m, &e), e);
    ASSERT(strcmp(m.owner, done >= ADOPTED ? US : OTHER) == 0 ||
           (done + 1 == ADOPTED && strcmp(m.owner, US) == 0));
    /* and it works on */
    ASSERT_OK(store_sweep(s, -3600, &swept, &e), e);
    ASSERT_OK(store_put_bytes(s, "job/4/after", "x", 1, STORE_FAIL_IF_EXISTS, &e), e);
    ASSERT_OK(store_sweep(s, -3600, &swept, &e), e);
    ASSERT_EQ(swept, 0);
    store_close(s);
}

static const struct campaign campaign = {prepare, work, check};

TEST(killed_at_every_call)
{
    campaign_kill(&campaign);
}

TEST(no_space_at_every_call)
{
    campaign_fail(&campaign, ENOSPC);
}

TEST(io_error_at_every_call)
{
    campaign_fail(&campaign, EIO);
}

TEST(read_only_from_every_call_on)
{
    campaign_fail(&campaign, EROFS);
}

TEST(a_disk_that_fills_up)
{
    campaign_fill(&campaign, test_long() ? 1 : 331, 22000);
}

TEST(power_loss_at_every_change)
{
    campaign_cut_power(&campaign, test_long() ? 300 : 5);
}
