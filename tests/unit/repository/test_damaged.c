/* damaged.c: what is remembered of damaged packs, check after check. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/damaged.h"
#include "tests/lib/test.h"

static struct pack_name named(uint8_t first)
{
    struct pack_name n;

    memset(n.bytes, first, sizeof(n.bytes));
    return n;
}

static void note(const struct check_range *range, const uint8_t *firsts, size_t count)
{
    struct check_damage damages[4] = {0};
    struct check_result found = {.damages = damages, .damage_count = count};
    char object[4][80];
    struct err e = {0};

    for (size_t i = 0; i < count; i++) {
        struct pack_name n = named(firsts[i]);
        pack_object_name(&n, object[i]);
        damages[i].object = object[i];
    }
    ASSERT_OK(damaged_note(test_dir(), "local", range, &found, &e), e);
}

static void expect(const char *place, const uint8_t *firsts, size_t count)
{
    _cleanup_free_ struct pack_name *names = NULL;
    struct err e = {0};
    size_t got;

    ASSERT_OK(damaged_read(test_dir(), place, &names, &got, &e), e);
    ASSERT(got == count);
    for (size_t i = 0; i < count; i++)
        ASSERT(names[i].bytes[0] == firsts[i] && names[i].bytes[31] == firsts[i]);
}

TEST(what_is_whole_again_is_forgotten)
{
    const struct check_range low = {0, CHECK_RANGE_END / 2};

    expect("local", NULL, 0);
    note(NULL, (const uint8_t[]){0x10, 0x90}, 2);
    expect("local", (const uint8_t[]){0x10, 0x90}, 2);
    expect("other", NULL, 0);
    note(&low, (const uint8_t[]){0x20}, 1);
    expect("local", (const uint8_t[]){0x90, 0x20}, 2);
    note(NULL, NULL, 0);
    expect("local", NULL, 0);
}

TEST(nothing_is_remembered_without_a_cache)
{
    struct check_result found = {0};
    struct pack_name *names = NULL;
    struct err e = {0};
    size_t count;

    ASSERT_OK(damaged_note(NULL, "local", NULL, &found, &e), e);
    ASSERT_OK(damaged_read(NULL, "local", &names, &count, &e), e);
    ASSERT(count == 0);
    free(names);
}
