/* A set verified part by part: each stored byte belongs to one part, and damage shows in that part alone. */
#include "lib/plain/set_verify.h"

#include "tests/lib/memory_store.h"
#include "tests/unit/plain/set_fixture.h"

#define JOB "job"
#define ID  "20260101_000000"

enum { LEN = 70 << 20, PARTS = 7 };

/* Cuts that fall anywhere. */
static uint64_t cut(int i)
{
    return i == PARTS ? SET_VERIFY_END : SET_VERIFY_END / PARTS * (uint64_t)i + (uint64_t)i * 12345;
}

/* Bytes that all parts read together; *ret_damaged: how many found damage. */
static uint64_t read_parts_of(struct store *s, const struct manifest *m, int *ret_damaged)
{
    struct err e = {0};
    uint64_t total = 0, n;

    *ret_damaged = 0;
    for (int i = 0; i < PARTS; i++) {
        n = 0;
        if (set_verify_part(s, m, cut(i), cut(i + 1), NULL, NULL, &n, &e) < 0) {
            ASSERT_EQ(e.code, ERR_DAMAGED);
            ++*ret_damaged;
        }
        ASSERT(n <= set_verify_size(m) / PARTS + ARTIFACT_SEGMENT);
        total += n;
    }
    return total;
}

/* As it was committed, in volumes of more than a segment. */
static struct manifest make_set(struct store *s)
{
    const struct mac_key k = quick_key(1);
    struct manifest made = commit_volumes(s, JOB, ID, &k, LEN, 40 << 20), m;
    struct err e = {0};

    manifest_deinit(&made);
    ASSERT_OK(manifest_read(s, JOB, ID, &k, &m, &e), e);
    return m;
}

TEST(every_byte_belongs_to_one_part)
{
    struct store *s = memory_store_new();
    struct manifest m = make_set(s);
    struct err e = {0};
    uint64_t n;
    int damaged;

    ASSERT_EQ(read_parts_of(s, &m, &damaged), set_verify_size(&m));
    ASSERT_EQ(damaged, 0);
    ASSERT_OK(set_verify_part(s, &m, 0, SET_VERIFY_END, NULL, NULL, &n, &e), e);
    ASSERT_EQ(n, set_verify_size(&m));
    ASSERT_OK(set_verify_part(s, &m, 77, 77, NULL, NULL, &n, &e), e);
    ASSERT_EQ(n, 0);
    memory_store_set_parallel(s, 4); /* read ahead, as far away */
    ASSERT_EQ(read_parts_of(s, &m, &damaged), set_verify_size(&m));
    manifest_deinit(&m);
    store_close(s);
}

TEST(damage_shows_in_its_part)
{
    struct store *s = memory_store_new();
    struct manifest m = make_set(s);
    int damaged, tried = 0;

    for (size_t i = 0; i < m.artifact_count; i++)
        for (size_t v = 0; v < m.artifacts[i].volume_count; v++, tried++) {
            const struct artifact_volume *volume = &m.artifacts[i].volumes[v];
            _cleanup_free_ char *name = mem_printf(JOB "/" ID "/%s", volume->name);
            memory_store_damage(s, name, (volume->size - 1) / 3);
            (void)read_parts_of(s, &m, &damaged);
            ASSERT_EQ(damaged, 1);
            memory_store_damage(s, name, (volume->size - 1) / 3); /* back again */
        }
    test_note("%d volumes damaged in turn", tried);
    (void)read_parts_of(s, &m, &damaged);
    ASSERT_EQ(damaged, 0);
    manifest_deinit(&m);
    store_close(s);
}
