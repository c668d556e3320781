/* A set from one store to another: the same bytes or another form, whatever fails on the way, and
 * never a set that is not whole. */
#include "lib/plain/set_copy.h"
#include "tests/lib/memory_store.h"
#include "tests/unit/plain/set_fixture.h"

#define JOB    "job"
#define ID     "20260101_000000"
#define PREFIX JOB "/" ID

enum { LEN = 300000, VOLUME = 65536 };

struct world {
    struct store *from, *to;
    struct mac_key k, to_k;
    struct marker marker;
    struct manifest m; /* of the source */
    bool gzip;         /* what the target wants */
};

/* Two artifacts of several volumes each, not encrypted: no test here is about keys. */
static struct manifest make_set(struct store *s, const struct mac_key *k)
{
    static const struct artifact_codec gzip = {.gzip = true, .level = 1};
    static uint8_t data[LEN];
    struct manifest m = base_manifest(JOB, ID);
    struct err e = {0};

    memcpy(m.key_id, k->id, sizeof(m.key_id));
    m.stays = m.incomplete = true;
    m.sources = mem_alloc(2 * sizeof(*m.sources));
    m.source_count = 2;
    m.sources[0] =
        (struct manifest_source){.name = mem_strdup("media"), .type = mem_strdup("files")};
    m.sources[1] = (struct manifest_source){
        .name = mem_strdup("notes"), .type = mem_strdup("command"), .whole = true};
    strlist_add(&m.sources[0].problems, "a file vanished");
    m.artifacts = mem_alloc(2 * sizeof(*m.artifacts));
    m.artifact_count = 2;
    fill_bytes(data, LEN, 'r', 1);
    struct artifact_result r =
        write_artifact(s, PREFIX, "media/media.tar", gzip, VOLUME, data, LEN);
    m.artifacts[0] = artifact_of("media", "files", "tar", &r, LEN, gzip);
    fill_bytes(data, LEN, 'm', 2);
    r = write_artifact(s, PREFIX, "notes/notes.out", gzip, VOLUME, data, LEN);
    m.artifacts[1] = artifact_of("notes", "command", "out", &r, LEN, gzip);
    ASSERT_OK(manifest_commit(s, &m, k, "none", &e), e);
    return m;
}

static struct mac_key no_key(void)
{
    return (struct mac_key){.none = true};
}

static struct world make_world(bool gzip)
{
    struct world w = {.from = memory_store_new(), .k = no_key(), .to_k = no_key(), .gzip = gzip};

    w.marker = (struct marker){.id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                               .salt = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"};
    w.m = make_set(w.from, &w.k);
    w.to = memory_store_new();
    return w;
}

static void free_world(struct world *w)
{
    manifest_deinit(&w->m);
    store_close(w->from);
    store_close(w->to);
}

/* 0 or -1; *sent (may be NULL): bytes put. */
static int copy(struct world *w, uint64_t *sent, struct err *e)
{
    struct set_copy c = {
        .from = w->from,
        .to = {.store = w->to,
               .set_prefix = PREFIX,
               .codec = {.gzip = w->gzip, .level = 1},
               .volume_bytes = VOLUME},
        .marker = &w->marker,
        .mac = &w->to_k,
        .key_hint = "none",
        .threads = 1,
    };
    struct manifest m;
    struct err why = {0};

    ASSERT_OK(manifest_read(w->from, JOB, ID, &w->k, &m, &why), why);
    int rc = set_copy(&c, &m, e);
    if (rc == 0) {
        ASSERT_EQ(c.reencrypted, !w->gzip);
        ASSERT_STR(m.destination_id, w->marker.id);
    }
    manifest_deinit(&m);
    if (sent != NULL)
        *sent = c.sent;
    return rc;
}

static struct buf object(struct store *s, const char *name)
{
    _cleanup_free_ char *whole = mem_printf("%s/%s", PREFIX, name);
    struct buf b = BUF_INIT(64 << 20);
    struct err e = {0};

    ASSERT_OK(store_get_bytes(s, whole, &b, &e), e);
    return b;
}

static void assert_same_object(const struct world *w, const char *name)
{
    struct buf a = object(w->from, name), b = object(w->to, name);

    ASSERT_EQ(a.len, b.len);
    ASSERT(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
    buf_deinit(&a);
    buf_deinit(&b);
}

/* The set at the target is whole, says what it must, and holds what the source holds. */
static void assert_copied(struct world *w)
{
    struct manifest m;
    struct err e = {0};

    ASSERT_OK(check_set(w->to, JOB, ID, &w->to_k, &e), e);
    ASSERT_OK(manifest_read(w->to, JOB, ID, &w->to_k, &m, &e), e);
    ASSERT_STR(m.destination_id, w->marker.id);
    ASSERT_STR(m.salt, w->marker.salt);
    ASSERT(m.incomplete && !m.stays && !m.sources[0].whole);
    ASSERT_EQ(m.sequence, w->m.sequence);
    ASSERT_STR(m.sources[0].problems.items[0], "a file vanished");
    for (size_t i = 0; i < m.artifact_count; i++) {
        const struct manifest_artifact *a = &w->m.artifacts[i], *b = &m.artifacts[i];
        uint8_t *ours, *theirs;
        size_t our_len, their_len;
        struct artifact_source one = manifest_artifact_source(a, w->from, PREFIX, NULL);
        struct artifact_source two = manifest_artifact_source(b, w->to, PREFIX, NULL);
        ASSERT_OK(read_artifact(&one, &ours, &our_len, &e), e);
        ASSERT_OK(read_artifact(&two, &theirs, &their_len, &e), e);
        ASSERT_EQ(our_len, their_len);
        ASSERT(memcmp(ours, theirs, our_len) == 0);
        free(ours);
        free(theirs);
        for (size_t v = 0; w->gzip && v < a->volume_count; v++)
            assert_same_object(w, a->volumes[v].name);
        if (w->gzip)
            assert_same_object(w, a->segments.name);
    }
    manifest_deinit(&m);
}

static bool is_committed(struct store *s)
{
    struct store_object o;

    return store_stat(s, PREFIX "/manifest.json", &o, NULL) == 0;
}

TEST(a_set_is_copied_byte_for_byte)
{
    struct world w = make_world(true);
    struct err e = {0};
    uint64_t sent, all = 0;

    ASSERT_OK(copy(&w, &sent, &e), e);
    assert_copied(&w);
    for (size_t i = 0; i < w.m.artifact_count; i++)
        all += w.m.artifacts[i].stored_bytes + w.m.artifacts[i].segments.size;
    ASSERT_EQ(sent, all);
    free_world(&w);
}

TEST(a_set_is_copied_in_another_form)
{
    struct world w = make_world(false);
    struct err e = {0};

    ASSERT_OK(copy(&w, NULL, &e), e);
    assert_copied(&w);
    free_world(&w);
}

/* What was read is compared before it goes out: nothing false is ever committed. */
TEST(a_damaged_source_commits_nothing)
{
    unsigned tried = 0;

    for (int form = 0; form < 2; form++) {
        struct world w = make_world(form == 0);
        for (size_t i = 0; i < w.m.artifact_count; i++) {
            const struct manifest_artifact *a = &w.m.artifacts[i];
            for (size_t v = 0; v <= a->volume_count; v++) {
                const struct artifact_volume *file =
                    v < a->volume_count ? &a->volumes[v] : &a->segments;
                _cleanup_free_ char *name = mem_printf("%s/%s", PREFIX, file->name);
                struct err e = {0};
                memory_store_damage(w.from, name, (size_t)file->size / 2);
                ASSERT_ERR(copy(&w, NULL, &e), e, ERR_DAMAGED);
                ASSERT(!is_committed(w.to));
                memory_store_damage(w.from, name, (size_t)file->size / 2); /* and back */
                tried++;
            }
        }
        struct err e = {0};
        ASSERT_OK(copy(&w, NULL, &e), e);
        assert_copied(&w);
        free_world(&w);
    }
    test_note("%u objects damaged in turn", tried);
}

static void empty_target(struct world *w)
{
    store_close(w->to);
    w->to = memory_store_new();
}

/* Each call at the target fails once in turn, or it and all behind it; each answer is lost once. Then it is
 * done again. */
static unsigned fail_in_turn(struct world *w,
                             void (*set)(struct memory_store_faults *f, unsigned n), unsigned total)
{
    const unsigned step = test_long() ? 1 : w->gzip ? 3 : 11;
    unsigned tried = 0;

    for (unsigned n = 1; n <= total; n += step, tried++) {
        struct err e = {0};
        empty_target(w);
        set(memory_store_faults(w->to), n);
        bool ok = copy(w, NULL, &e) == 0;
        *memory_store_faults(w->to) = (struct memory_store_faults){0};
        e = (struct err){0};
        if (is_committed(w->to)) { /* perhaps without our knowing */
            ASSERT_ERR(copy(w, NULL, &e), e, ERR_EXISTS);
        } else {
            ASSERT(!ok);
            ASSERT_OK(copy(w, NULL, &e), e);
        }
        assert_copied(w);
    }
    return tried;
}

static void fail_once(struct memory_store_faults *f, unsigned n)
{
    f->fail_call = n;
}

static void fail_from(struct memory_store_faults *f, unsigned n)
{
    f->fail_call = n;
    f->fail_ever_after = true;
}

static void lose_answer(struct memory_store_faults *f, unsigned n)
{
    f->lose_answer = n;
}

TEST(every_call_at_the_target_may_fail)
{
    for (int form = 0; form < 2; form++) {
        struct world w = make_world(form == 0);
        struct err e = {0};
        ASSERT_OK(copy(&w, NULL, &e), e);
        const struct memory_store_faults clean = *memory_store_faults(w.to);
        unsigned tried = fail_in_turn(&w, fail_once, clean.calls);
        tried += fail_in_turn(&w, fail_from, clean.calls);
        tried += fail_in_turn(&w, lose_answer, clean.changes);
        test_note("%s: %u calls, %u changes, %u faults", form == 0 ? "same form" : "another form",
                  clean.calls, clean.changes, tried);
        free_world(&w);
    }
}

TEST(a_copy_that_was_cut_off_sends_what_is_missing)
{
    struct world w = make_world(true);
    struct err e = {0};
    uint64_t all, second;
    unsigned resumed = 0;

    ASSERT_OK(copy(&w, &all, &e), e);
    const unsigned calls = memory_store_faults(w.to)->calls;
    for (unsigned n = 1; n <= calls; n++) {
        uint64_t there = 0;
        struct store_object page[32];
        size_t count;
        empty_target(&w);
        fail_from(memory_store_faults(w.to), n);
        if (copy(&w, NULL, NULL) == 0)
            continue;
        *memory_store_faults(w.to) = (struct memory_store_faults){0};
        ASSERT_OK(store_list(w.to, PREFIX "/", false, "", page, 32, &count, &e), e);
        for (size_t i = 0; i < count; i++) /* texts have no folder of a source */
            if (strchr(page[i].name + strlen(PREFIX "/"), '/') != NULL)
                there += page[i].size;
        ASSERT_OK(copy(&w, &second, &e), e);
        ASSERT_EQ(second, all - there);
        resumed += there > 0;
    }
    ASSERT(resumed > 10);
    free_world(&w);
}

/* A live feed that was dropped leaves objects of the same names and sizes, with another salt. */
TEST(remains_of_the_same_size_are_replaced)
{
    struct world w = make_world(true);
    struct err e = {0};
    uint64_t all, sent;

    ASSERT_OK(copy(&w, &all, &e), e);
    ASSERT_OK(store_delete(w.to, PREFIX "/manifest.json", &e), e);
    const struct artifact_volume *v = &w.m.artifacts[0].volumes[1];
    _cleanup_free_ char *name = mem_printf("%s/%s", PREFIX, v->name);
    memory_store_damage(w.to, name, 4711);
    ASSERT_OK(copy(&w, &sent, &e), e);
    ASSERT_EQ(sent, v->size);
    assert_copied(&w);
    ASSERT_OK(store_delete(w.to, PREFIX "/manifest.json", &e), e);
    memory_store_damage(w.to, PREFIX "/media/media.tar.gz.segments", 5);
    ASSERT_OK(copy(&w, &sent, &e), e);
    ASSERT_EQ(sent, w.m.artifacts[0].segments.size);
    assert_copied(&w);
    free_world(&w);
}

static bool stop(void *arg, uint64_t stored_bytes)
{
    (void)arg;
    return stored_bytes < 2 * VOLUME;
}

TEST(a_copy_can_be_stopped)
{
    for (int form = 0; form < 2; form++) {
        struct world w = make_world(form == 0);
        struct set_copy c = {.from = w.from,
                             .to = {.store = w.to,
                                    .set_prefix = PREFIX,
                                    .codec = {.gzip = w.gzip, .level = 1},
                                    .volume_bytes = VOLUME},
                             .marker = &w.marker,
                             .mac = &w.to_k,
                             .key_hint = "none",
                             .threads = 1,
                             .progress = stop};
        struct manifest m;
        struct err e = {0};
        ASSERT_OK(manifest_read(w.from, JOB, ID, &w.k, &m, &e), e);
        ASSERT_ERR(set_copy(&c, &m, &e), e, ERR_CANCELLED);
        ASSERT(!is_committed(w.to));
        manifest_deinit(&m);
        free_world(&w);
    }
}

/* Append-only credentials: remains that nobody names may stay, and do no harm. */
TEST(remains_that_cannot_be_deleted_stay)
{
    struct world w = make_world(true);
    struct err e = {0};

    ASSERT_OK(store_put_bytes(w.to, PREFIX "/media/old.tar.gz", "x", 1, STORE_REPLACE, &e), e);
    memory_store_faults(w.to)->refuse_delete = true;
    ASSERT_OK(copy(&w, NULL, &e), e);
    assert_copied(&w);
    free_world(&w);
}

/* Each call is a round trip to a far store. */
TEST(no_call_is_made_for_nothing)
{
    struct world w = make_world(true);
    struct err e = {0};
    size_t volumes = 0, artifacts = w.m.artifact_count;

    for (size_t i = 0; i < artifacts; i++)
        volumes += w.m.artifacts[i].volume_count;
    memory_store_faults(w.from)->calls = 0;
    ASSERT_OK(copy(&w, NULL, &e), e);
    /* manifest and MAC; digests; of each volume its size and its bytes */
    ASSERT_EQ(memory_store_faults(w.from)->calls, 2 + artifacts + 2 * volumes);
    memory_store_faults(w.from)->calls = 0;
    ASSERT_OK(check_set(w.from, JOB, ID, &w.k, &e), e);
    ASSERT_EQ(memory_store_faults(w.from)->calls, 2 + 2 + artifacts + 2 * volumes); /* and texts */
    test_note("%zu artifacts, %zu volumes: %zu calls to copy, %zu to verify", artifacts, volumes,
              2 + artifacts + 2 * volumes, 4 + artifacts + 2 * volumes);
    free_world(&w);
}
