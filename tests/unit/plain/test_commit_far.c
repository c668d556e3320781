/* A commit where every answer is a round trip away asks for several things at once: its manifest still comes
 * last, whatever fails before. */
#include "tests/lib/memory_store.h"
#include "tests/unit/plain/set_fixture.h"

#define JOB "job"
#define ID  "20260101_000000"

static struct store *far_store(void)
{
    struct store *s = memory_store_new();

    memory_store_set_parallel(s, 4);
    return s;
}

static bool is_there(struct store *s, const char *file)
{
    _cleanup_free_ char *name = mem_printf("%s/%s/%s", JOB, ID, file);
    struct store_object o;

    return store_stat(s, name, &o, NULL) == 0;
}

static bool is_whole(struct store *s, const struct mac_key *k)
{
    struct manifest m;
    struct err e = {0};

    if (!is_there(s, "manifest.json"))
        return false;
    ASSERT(is_there(s, "MANIFEST.txt") && is_there(s, "SHA256SUMS"));
    ASSERT_OK(manifest_read(s, JOB, ID, k, &m, &e), e);
    manifest_deinit(&m);
    return true;
}

TEST(the_manifest_comes_last_whatever_fails)
{
    const struct mac_key none = {.none = true};
    unsigned calls = 0, failed = 0;

    for (unsigned at = 1;; at++) {
        struct store *s = far_store();
        struct memory_store_faults *f = memory_store_faults(s);
        struct manifest m = base_manifest(JOB, ID);
        struct err e = {0};
        ASSERT_OK(store_put_bytes(s, JOB "/" ID "/left/behind", "x", 1, STORE_REPLACE, &e), e);
        calls = f->calls;
        f->fail_call = calls + at;
        f->fail_ever_after = true;
        int rc = manifest_commit(s, &m, &none, "none", &e);
        bool all = f->calls < f->fail_call;
        f->fail_call = 0;
        ASSERT_EQ(is_whole(s, &none), rc == 0);
        failed += rc < 0;
        ASSERT_OK(manifest_commit(s, &m, &none, "none", &e), e); /* again, as R4 has it */
        ASSERT(is_whole(s, &none) && !is_there(s, "left/behind"));
        ASSERT_OK(manifest_commit(s, &m, &none, "none", &e), e);
        manifest_deinit(&m);
        store_close(s);
        if (all)
            break;
    }
    ASSERT(failed > 5);
    test_note("%u calls failed, each in its turn", failed);
}

TEST(what_was_seen_before_is_what_counts)
{
    const struct mac_key none = {.none = true};
    struct store *s = far_store();
    struct manifest m = base_manifest(JOB, ID);
    struct manifest_place before;
    struct err e = {0};

    ASSERT_OK(manifest_look(s, JOB, ID, &before, &e), e);
    ASSERT(!before.committed);
    ASSERT_OK(manifest_commit_at(s, &before, &m, &none, "none", &e), e);
    manifest_place_deinit(&before);
    ASSERT_OK(manifest_look(s, JOB, ID, &before, &e), e);
    ASSERT(before.committed);
    ASSERT_OK(manifest_commit_at(s, &before, &m, &none, "none", &e), e);
    m.sequence++;
    ASSERT_ERR(manifest_commit_at(s, &before, &m, &none, "none", &e), e, ERR_EXISTS);
    manifest_place_deinit(&before);
    manifest_deinit(&m);
    store_close(s);
}
