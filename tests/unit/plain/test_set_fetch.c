/* How often a store is asked: each call is a round trip to a far one. And that what runs ahead gives
 * what a look at each in turn gives. */
#include "lib/plain/keyring.h"
#include "lib/plain/set_fetch.h"
#include "tests/lib/memory_store.h"
#include "tests/unit/plain/set_fixture.h"

#define JOB "job"

enum { SETS = 200 };

static void id_of(int i, char out[32])
{
    (void)snprintf(out, 32, "202601%02d_%02d0000", 1 + i / 24, i % 24);
}

/* SETS of them; every 7th was never committed, the last has marks only. */
static struct store *many_sets(void)
{
    struct store *s = memory_store_new();
    const struct mac_key none = {.none = true};
    struct err e = {0};

    for (int i = 0; i < SETS; i++) {
        char id[32];
        id_of(i, id);
        if (i == SETS - 1) {
            ASSERT_OK(marks_add(s, JOB, id, &none, "pin", "", (struct wall){0},
                                (struct wall){1000000}, &e),
                      e);
        } else if (i % 7 == 0) {
            _cleanup_free_ char *name = mem_printf("%s/%s/media/media.tar", JOB, id);
            ASSERT_OK(store_put_bytes(s, name, "x", 1, STORE_REPLACE, &e), e);
        } else {
            struct manifest m = base_manifest(JOB, id);
            ASSERT_OK(manifest_commit(s, &m, &none, "none", &e), e);
            manifest_deinit(&m);
        }
    }
    return s;
}

/* How many opened. Every one must be what its id says. */
static int read_all(struct store *s, unsigned *calls)
{
    struct set_entry *entries = NULL;
    struct keyring *ring = keyring_new(NULL);
    const struct set_fetched *set;
    size_t count;
    struct err e = {0};
    int opened = 0, i = 0;
    const unsigned before = memory_store_faults(s)->calls;

    ASSERT_OK(set_list(s, JOB, &entries, &count, &e), e);
    ASSERT_EQ(count, SETS);
    struct set_fetch *f = set_fetch_new(s, JOB, entries, count);
    for (; (set = set_fetch_next(f)) != NULL; i++) {
        char id[32];
        struct manifest m;
        id_of(i, id);
        ASSERT_STR(set->entry->id, id);
        ASSERT_EQ(set->rc == 0, i % 7 != 0 && i != SETS - 1);
        if (set->rc < 0) {
            ASSERT_EQ(set->error.code, ERR_NOT_FOUND);
            continue;
        }
        ASSERT_OK(keyring_open(ring, &set->bytes, JOB, id, NULL, &m, NULL, NULL, &e), e);
        ASSERT_STR(m.id, id);
        manifest_deinit(&m);
        opened++;
    }
    ASSERT_EQ(i, SETS);
    ASSERT(set_fetch_next(f) == NULL);
    set_fetch_free(f);
    *calls = memory_store_faults(s)->calls - before;
    keyring_free(ring);
    free(entries);
    return opened;
}

TEST(a_list_of_sets_costs_two_calls_a_set)
{
    struct store *s = many_sets();
    unsigned calls;

    for (int parallel = 1; parallel <= 16; parallel = parallel * 2 + 1) {
        memory_store_set_parallel(s, parallel);
        int opened = read_all(s, &calls);
        ASSERT_EQ(opened, SETS - 1 - (SETS + 5) / 7);
        test_note("%d at once: %u calls for %d folders, %d of them sets", parallel, calls, SETS,
                  opened);
        ASSERT_EQ(calls, 1 + 2 * opened + (SETS - 1 - opened)); /* page, both objects, a miss */
    }
    store_close(s);
}

TEST(it_can_be_given_up_at_any_point)
{
    struct store *s = many_sets();
    struct set_entry *entries = NULL;
    size_t count;
    struct err e = {0};

    memory_store_set_parallel(s, 8);
    ASSERT_OK(set_list(s, JOB, &entries, &count, &e), e);
    for (int stop = 0; stop < 40; stop++) {
        struct set_fetch *f = set_fetch_new(s, JOB, entries, count);
        for (int i = 0; i < stop; i++)
            ASSERT(set_fetch_next(f) != NULL);
        set_fetch_free(f);
    }
    struct set_fetch *f = set_fetch_new(s, JOB, entries, 0);
    ASSERT(set_fetch_next(f) == NULL);
    set_fetch_free(f);
    free(entries);
    store_close(s);
}

/* What fails at the store is told of the set it was asked for, and of no other. */
TEST(a_call_that_fails_is_told_of_its_set)
{
    struct store *s = many_sets();
    struct set_entry *entries = NULL;
    const struct set_fetched *set;
    size_t count;
    struct err e = {0};

    ASSERT_OK(set_list(s, JOB, &entries, &count, &e), e);
    for (unsigned n = 1; n < 60; n++) {
        unsigned failed = 0;
        memory_store_faults(s)->fail_call = memory_store_faults(s)->calls + n;
        memory_store_set_parallel(s, n % 2 == 0 ? 4 : 1);
        struct set_fetch *f = set_fetch_new(s, JOB, entries, count);
        while ((set = set_fetch_next(f)) != NULL)
            failed += set->rc < 0 && set->error.code == ERR_UNAVAILABLE;
        set_fetch_free(f);
        ASSERT_EQ(failed, 1);
    }
    free(entries);
    store_close(s);
}
