/* What the daemon remembers of repositories: the newest heads, the numbers of tracking, and when each part of the packs'
 * names was read. */
#include "daemon/repositories.h"

#include "lib/base/mem.h"
#include "tests/lib/test.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *parse(const char *text)
{
    struct err e;
    json_t *o = NULL;

    ASSERT_OK(json_read(text, strlen(text), &o, &e), e);
    return o;
}

static void note(void (*into)(struct repositories *, const json_t *), struct repositories *r,
                 const char *text)
{
    json_t *o = parse(text);

    into(r, o);
    json_decref(o);
}

static bool is_news(const struct repositories *r, const char *heads)
{
    _cleanup_json_ json_t *o = parse(heads);

    return repositories_is_news(r, "disk", o);
}

/* As after a restart: through the journal's checkpoint. */
static struct repositories *again(struct repositories *r)
{
    struct repositories *copy = repositories_new();
    _cleanup_json_ json_t *o = repositories_to_json(r);

    repositories_from_json(copy, o);
    repositories_free(r);
    return copy;
}

TEST(only_heads_that_go_on_are_news)
{
    struct repositories *r = repositories_new();

    ASSERT(repositories_head(r, "disk", "writer") == NULL);
    ASSERT(is_news(r, "{\"writer\":\"1:" HASH "\",\"pruner\":\"1:" HASH "\"}"));
    note(repositories_note_heads, r,
         "{\"destination\":\"disk\",\"writer\":\"12:" HASH "\",\"pruner\":\"3:" HASH "\"}");
    r = again(r);
    ASSERT_STR(repositories_head(r, "disk", "writer"), "12:" HASH);
    ASSERT_STR(repositories_head(r, "disk", "pruner"), "3:" HASH);
    ASSERT(repositories_head(r, "other", "writer") == NULL);
    ASSERT(!is_news(r, "{\"writer\":\"12:" HASH "\",\"pruner\":\"3:" HASH "\"}"));
    ASSERT(is_news(r, "{\"writer\":\"13:" HASH "\",\"pruner\":\"3:" HASH "\"}"));
    ASSERT(is_news(r, "{\"writer\":\"12:" HASH "\",\"pruner\":\"4:" HASH "\"}"));
    /* a scan that ends after a commit that it did not see */
    ASSERT(!is_news(r, "{\"writer\":\"11:" HASH "\",\"pruner\":\"4:" HASH "\"}"));
    ASSERT(!is_news(r, "{\"writer\":\"13:" HASH "\",\"pruner\":\"2:" HASH "\"}"));
    ASSERT(!is_news(r, "{}"));
    ASSERT_EQ(repositories_number(r, "disk", "writer"), 12);
    note(repositories_note_heads, r, "{\"destination\":\"disk\"}"); /* forgotten */
    ASSERT(repositories_head(r, "disk", "writer") == NULL);
    ASSERT_EQ(repositories_number(r, "disk", "writer"), 0);
    repositories_free(r);
}

TEST(tracking_counts_for_each_job_repository_and_source)
{
    struct repositories *r = repositories_new();

    note(repositories_note_tracked, r,
         "{\"job\":\"a\",\"numbers\":{\"main\":{\"db\":4,\"files\":7},\"far\":{\"db\":1}}}");
    note(repositories_note_tracked, r, "{\"job\":\"a\",\"numbers\":{\"main\":{\"db\":5}}}");
    note(repositories_note_tracked, r, "{\"job\":\"b\",\"numbers\":{\"main\":{\"db\":9}}}");
    r = again(r);
    ASSERT_EQ(repositories_tracked(r, "a", "main", "db"), 5);
    ASSERT_EQ(repositories_tracked(r, "a", "main", "files"), 7);
    ASSERT_EQ(repositories_tracked(r, "a", "far", "db"), 1);
    ASSERT_EQ(repositories_tracked(r, "a", "far", "files"), 0);
    repositories_forget_job(r, "a");
    ASSERT_EQ(repositories_tracked(r, "a", "main", "db"), 0);
    ASSERT_EQ(repositories_tracked(r, "b", "main", "db"), 9);
    repositories_free(r);
}

static void note_read(struct repositories *r, uint64_t from, uint64_t to, const char *when)
{
    _cleanup_free_ char *text =
        mem_printf("{\"destination\":\"disk\",\"from\":%llu,\"to\":%llu,\"time\":\"%s\",\"since\":"
                   "\"2026-11-01T00:00:00Z\"}",
                   (unsigned long long)from, (unsigned long long)to, when);

    note(repositories_note_read, r, text);
}

/* In order, without gaps, no two neighbours alike. */
static size_t expect_ranges(const struct repositories *r, struct read_part **ret)
{
    const size_t count = repositories_read_parts(r, "disk", (struct wall){5}, ret);

    ASSERT(count >= 1 && (*ret)[0].from == 0 && (*ret)[count - 1].to == READ_PARTS_END);
    for (size_t i = 1; i < count; i++)
        ASSERT((*ret)[i].from == (*ret)[i - 1].to && (*ret)[i].read.us != (*ret)[i - 1].read.us);
    for (size_t i = 0; i < count; i++)
        ASSERT((*ret)[i].from < (*ret)[i].to);
    return count;
}

TEST(parts_that_were_read)
{
    struct repositories *r = repositories_new();
    struct read_part *x;
    struct wall second, third;

    ASSERT_EQ(expect_ranges(r, &x), 1);
    ASSERT_EQ(x[0].read.us, 5); /* nothing was: as told */
    free(x);
    note_read(r, 1000, 2000, "2026-11-20T00:00:00Z");
    r = again(r);
    ASSERT_EQ(expect_ranges(r, &x), 3);
    ASSERT(x[1].from == 1000 && x[1].to == 2000 && x[0].read.us == x[2].read.us);
    free(x);
    note_read(r, 1500, 3000, "2026-11-21T00:00:00Z");
    ASSERT_EQ(clock_parse_iso8601("2026-11-20T00:00:00Z", &second), 0);
    ASSERT_EQ(clock_parse_iso8601("2026-11-21T00:00:00Z", &third), 0);
    ASSERT_EQ(expect_ranges(r, &x), 4);
    ASSERT(x[1].to == 1500 && x[1].read.us == second.us && x[2].to == 3000 &&
           x[2].read.us == third.us);
    free(x);
    note_read(r, 0, READ_PARTS_END, "2026-11-22T00:00:00Z");
    ASSERT_EQ(expect_ranges(r, &x), 1);
    free(x);
    repositories_free(r);
}

/* Against a model that remembers each of a thousand places by itself. */
TEST(parts_that_were_read_in_any_order)
{
    enum { PLACES = 1000, STEPS = 300 };
    const uint64_t each = READ_PARTS_END / PLACES;
    struct repositories *r = repositories_new();
    int64_t model[PLACES];
    uint64_t chance = 88172645463325252ULL;
    struct wall since;

    ASSERT_EQ(clock_parse_iso8601("2026-11-01T00:00:00Z", &since), 0);
    for (size_t i = 0; i < PLACES; i++)
        model[i] = since.us;
    for (int step = 0; step < STEPS; step++) {
        chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
        const uint64_t from = (chance >> 33) % PLACES,
                       to = from + 1 + (chance >> 20) % (PLACES - from);
        struct read_part *x;
        char when[32];
        struct wall now = {since.us + (1 + step / 3) * INT64_C(1000000)};
        note_read(r, from * each, to >= PLACES ? READ_PARTS_END : to * each,
                  clock_iso8601(now, when));
        for (uint64_t i = from; i < to && i < PLACES; i++)
            model[i] = now.us;
        size_t count = expect_ranges(r, &x), at = 0;
        for (uint64_t i = 0; i < PLACES; i++) {
            while (x[at].to <= i * each)
                at++;
            ASSERT(at < count);
            ASSERT_EQ(x[at].read.us, model[i]);
        }
        free(x);
    }
    repositories_free(r);
}

/* A checkpoint of an older version, or a damaged one. */
TEST(anything_as_a_checkpoint)
{
    static const char *const texts[] = {
        "{}", "{\"heads\":3,\"tracked\":[],\"read\":\"x\"}",
        "{\"heads\":{\"disk\":7},\"tracked\":{\"a\":1},\"read\":{\"disk\":[[1]]}}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct repositories *r = repositories_new();
        struct read_part *x;
        _cleanup_json_ json_t *o = parse(texts[i]);
        repositories_from_json(r, o);
        ASSERT(repositories_head(r, "disk", "writer") == NULL);
        ASSERT_EQ(repositories_tracked(r, "a", "main", "db"), 0);
        ASSERT(repositories_read_parts(r, "disk", (struct wall){5}, &x) >= 1);
        free(x);
        repositories_free(r);
    }
}
