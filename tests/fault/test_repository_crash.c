/* A repository made and changed, broken off at every point: it can always be made or opened again with its
 * key, nothing has to be put right by hand, and what was acknowledged is there. */
#include <errno.h>

#include "lib/repository/repository.h"
#include "tests/lib/campaign.h"
#include "tests/lib/test.h"

#define KEY "a key of this test, long enough"
static const struct log_author us = {.installation = "00112233445566778899aabbccddeeff",
                                     .host = "here"};
static struct err e;

enum { CREATED = 1, APPENDED, TRASHED, ROTATED };

static void prepare(const char *dir)
{
    (void)dir;
}

/* repository_create is what a first run does, and what it does again. */
static int open_it(const char *dir, struct store **s, struct repository **r)
{
    struct secret secret = secret_copy(KEY, strlen(KEY));
    struct repository_spec spec = {.secret = &secret};
    int rc = store_open_directory(dir, false, s, &e);

    spec.store = *s;
    if (rc == 0 && repository_create(&spec, &us, r, &e) < 0) {
        store_close(*s);
        rc = -1;
    }
    secret_deinit(&secret);
    return rc;
}

static int append(struct repository *r, int64_t sequence)
{
    json_t *o = json_pack("{s:s s:s s:I s:s s:{}}", "job", "job", "id", "20261120_143000",
                          "sequence", (json_int_t)sequence, "manifest",
                          "1111111111111111111111111111111111111111111111111111111111111111:17",
                          "describe");

    return log_append(r->writer, &us, "set", o, NULL, &e);
}

static int put_trash(struct repository *r, int count)
{
    struct repository_trash items[3] = {{.since = {1795262400000000}},
                                        {.since = {1795262401000000}},
                                        {.segment = true, .since = {1795262402000000}}};

    return repository_put_trash(r, &us, items, (size_t)count, &e);
}

static void work(const char *dir)
{
    struct store *s = NULL;
    struct repository *r = NULL;

    if (open_it(dir, &s, &r) < 0)
        return;
    campaign_done(CREATED);
    if (append(r, 1) == 0) {
        campaign_done(APPENDED);
        if (put_trash(r, 3) == 0) {
            campaign_done(TRASHED);
            if (repository_rotate(r, &us, &e) == 0)
                campaign_done(ROTATED);
        }
    }
    repository_close(r);
    store_close(s);
}

static void check(const char *dir, unsigned done)
{
    struct store *s = NULL;
    struct repository *r = NULL;
    struct repository_set *sets;
    struct repository_trash *trash;
    size_t count;

    ASSERT_OK(open_it(dir, &s, &r), e);
    ASSERT_OK(repository_sets(r, &sets, &count, &e), e);
    ASSERT(count == (done >= APPENDED) || (done == CREATED && count == 1));
    free(sets);
    ASSERT_OK(repository_trash(r, &trash, &count, &e), e);
    ASSERT(count == (done >= TRASHED ? 3 : 0) || (done == APPENDED && count == 3));
    free(trash);
    ASSERT(r->keys->generation_count >= (done >= ROTATED ? 2 : 1));
    ASSERT_OK(append(r, 2), e);
    ASSERT_OK(put_trash(r, 2), e);
    ASSERT_OK(repository_trash(r, &trash, &count, &e), e);
    ASSERT_EQ(count, 2);
    free(trash);
    size_t before = r->keys->generation_count;
    ASSERT_OK(repository_rotate(r, &us, &e), e);
    ASSERT_EQ(r->keys->generation_count, before + 1);
    repository_close(r);
    store_close(s);
}

static const struct campaign repository = {.prepare = prepare, .work = work, .check = check};

/* Each run stretches a key half a dozen times. */
static bool too_long(void)
{
    if (!test_long())
        test_note("only under --long");
    return !test_long();
}

TEST(killed)
{
    if (!too_long())
        campaign_kill(&repository);
}

TEST(calls_fail)
{
    if (!too_long())
        campaign_fail(&repository, EIO);
}

TEST(power_loss)
{
    if (!too_long())
        campaign_cut_power(&repository, 0);
}
