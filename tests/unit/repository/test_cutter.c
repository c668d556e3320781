/* Where streams are cut: sizes, what an insertion moves, and what hangs on the key. */
#include "lib/repository/cutter.h"
#include "tests/unit/repository/keys_fixture.h"

enum { LEN = 12 << 20, CUTS_MAX = LEN / (16 << 10) };

static const uint8_t key[32] = {1, 2, 3};

struct cuts {
    size_t at[CUTS_MAX]; /* ends of chunks */
    size_t count;
};

static struct cuts *cut_all(const struct cutter *c, const uint8_t *data, size_t len)
{
    struct cuts *cuts = mem_alloc(sizeof(*cuts));

    for (size_t at = 0; at < len;) {
        size_t n = cutter_find(c, data + at, len - at);
        at = n == 0 ? len : at + n;
        cuts->at[cuts->count++] = at;
    }
    return cuts;
}

/* Said as simply as can be. */
static size_t find_slowly(const struct cutter *c, const uint8_t *data, size_t len)
{
    for (size_t end = c->sizes.min; end <= len && end <= c->sizes.max; end++) {
        uint64_t hash = 0;
        for (size_t i = end - 64; i < end; i++)
            hash = (hash << 1) + c->table[data[i]];
        if (hash < c->threshold || end == c->sizes.max)
            return end;
    }
    return 0;
}

/* Many short chunks, cut at every length: no lane and no end of one is special. */
TEST(cuts_are_where_the_hash_says)
{
    enum { SHORT = 1 << 20 };
    static const struct cutter_sizes sizes[] = {
        {64, 500, 20000}, {1000, 9000, 40000}, {64, 70, 65536}};
    uint8_t *data = make_bytes(SHORT, 't', 11);
    size_t compared = 0;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct cutter c;
        cutter_init(&c, key, &sizes[i]);
        if (i == 2)
            c.threshold = 0; /* never */
        for (size_t at = 0, n = 1; n > 0; at += n, compared++) {
            size_t left = SHORT - at - (at < SHORT / 2 ? at % 30000 : 0);
            n = cutter_find(&c, data + at, left);
            ASSERT_EQ(n, find_slowly(&c, data + at, left));
        }
    }
    test_note("%zu cuts compared", compared);
    free(data);
}

static void check_sizes(const struct cutter_sizes *sizes, char kind)
{
    uint8_t *data = make_bytes(LEN, kind, 7);
    struct cutter c;

    cutter_init(&c, key, sizes);
    struct cuts *cuts = cut_all(&c, data, LEN);
    for (size_t i = 0; i + 1 < cuts->count; i++) {
        size_t len = cuts->at[i] - (i == 0 ? 0 : cuts->at[i - 1]);
        ASSERT(len >= sizes->min && len <= sizes->max);
    }
    size_t average = LEN / cuts->count;
    ASSERT(average > sizes->average * 3 / 4 && average < sizes->average * 5 / 4);
    free(cuts);
    free(data);
}

TEST(sizes_are_kept)
{
    check_sizes(&cutter_stream, 'c');
    check_sizes(&cutter_stream, 't');
    check_sizes(&cutter_list, 'c');
}

TEST(what_never_varies_is_cut_at_the_longest)
{
    uint8_t *data = make_bytes(LEN, 'z', 1);
    struct cutter c;

    cutter_init(&c, key, &cutter_stream);
    struct cuts *cuts = cut_all(&c, data, LEN);
    ASSERT_EQ(cuts->count, LEN / cutter_stream.max);
    free(cuts);
    free(data);
}

TEST(what_is_missing_behind_changes_no_cut)
{
    uint8_t *data = make_bytes(2 << 20, 't', 3);
    struct cutter c;

    cutter_init(&c, key, &cutter_stream);
    size_t first = cutter_find(&c, data, 2 << 20);
    ASSERT(first > 0 && first < cutter_stream.max);
    for (size_t len = 0; len < first; len += 997)
        ASSERT_EQ(cutter_find(&c, data, len), 0);
    ASSERT_EQ(cutter_find(&c, data, first - 1), 0);
    ASSERT_EQ(cutter_find(&c, data, first), first);
    ASSERT(cutter_find(&c, data + first, cutter_stream.max) > 0);
    free(data);
}

/* Cuts of b, moved back by `shift` behind `at`, that a has not. */
static size_t foreign_cuts(const struct cuts *a, const struct cuts *b, size_t at, long shift)
{
    size_t found = 0, k = 0;

    for (size_t i = 0; i < b->count; i++) {
        size_t place = b->at[i] > at ? (size_t)((long)b->at[i] - shift) : b->at[i];
        while (k < a->count && a->at[k] < place)
            k++;
        if (k == a->count || a->at[k] != place)
            found++;
    }
    return found;
}

TEST(an_insertion_moves_only_the_cuts_near_it)
{
    enum { ROUNDS = 40, SHORT = LEN / 4 };
    uint8_t *data = make_bytes(SHORT, 't', 9), *more = mem_alloc(SHORT + 4096);
    size_t moved = 0, most = 0;
    uint64_t state = 5;
    struct cutter c;

    cutter_init(&c, key, &cutter_stream);
    struct cuts *before = cut_all(&c, data, SHORT);
    for (int i = 0; i < ROUNDS; i++) {
        size_t at = next_chance(&state) % SHORT, len = 1 + next_chance(&state) % 4096;
        memcpy(more, data, at);
        for (size_t k = 0; k < len; k++)
            more[at + k] = (uint8_t)next_chance(&state);
        memcpy(more + at + len, data + at, SHORT - at);
        struct cuts *after = cut_all(&c, more, SHORT + len);
        size_t n = foreign_cuts(before, after, at, (long)len);
        moved += n;
        most = n > most ? n : most;
        free(after);
    }
    test_note("%d insertions moved %zu cuts of %zu, at most %zu at once", ROUNDS, moved,
              before->count * ROUNDS, most);
    ASSERT(moved <= (size_t)ROUNDS * 4 && most < 20);
    free(before);
    free(more);
    free(data);
}

TEST(another_key_cuts_elsewhere)
{
    uint8_t *data = make_bytes(LEN, 't', 9), other[32] = {1, 2, 4};
    struct cutter a, b;

    cutter_init(&a, key, &cutter_stream);
    cutter_init(&b, other, &cutter_stream);
    struct cuts *x = cut_all(&a, data, LEN), *y = cut_all(&b, data, LEN);
    ASSERT(foreign_cuts(x, y, 0, 0) > y->count * 9 / 10);
    free(x);
    free(y);
    free(data);
}
