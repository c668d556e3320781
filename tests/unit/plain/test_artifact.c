/* What goes in comes out, at every size near a boundary, in every form; stock tools agree. */
#include "lib/base/buf.h"
#include "lib/base/child.h"
#include "lib/plain/gzip_block.h"
#include "tests/unit/plain/fixture.h"

static void round_trip(struct store *s, struct artifact_codec codec, uint64_t volume_bytes,
                       char kind, size_t len)
{
    uint8_t *data = mem_alloc(len), *back = NULL;
    size_t back_len = 0;
    struct err e = {0};

    fill_bytes(data, len, kind, len + 1);
    struct artifact_result r =
        write_artifact(s, "job/20260101_000000", "src/db.dump", codec, volume_bytes, data, len);
    ASSERT(!r.failed);
    struct artifact_source src = source_of(s, "job/20260101_000000", &r, codec);
    ASSERT_OK(artifact_verify(&src, NULL, NULL, &e), e);
    ASSERT_OK(read_artifact(&src, &back, &back_len, &e), e);
    ASSERT_EQ(back_len, len);
    ASSERT(memcmp(back, data, len) == 0);
    if (kind == 'r')
        ASSERT(r.stored_bytes <= len + len / 1000 + 64);
    if (kind == 't' && codec.gzip && len > 60000)
        ASSERT(r.stored_bytes < len * 3 / 4);
    artifact_result_deinit(&r);
    free(data);
    free(back);
}

static const size_t sizes[] = {0,
                               1,
                               15,
                               16,
                               17,
                               65535,
                               65536,
                               GZIP_BLOCK - 1,
                               GZIP_BLOCK,
                               GZIP_BLOCK + 1,
                               (1 << 20) - 17,
                               (1 << 20) - 16,
                               1 << 20,
                               (1 << 20) + 1,
                               (3 << 20) + 12345};

TEST(round_trips_clear)
{
    struct store *s = open_store("d");
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (const char *kind = "trm"; *kind != '\0'; kind++)
            for (int gzip = 0; gzip < 2; gzip++, n++)
                round_trip(s, (struct artifact_codec){.gzip = gzip, .level = 1}, 1 << 20, *kind,
                           sizes[i]);
    test_note("%zu round trips", n);
    store_close(s);
}

TEST(round_trips_encrypted)
{
    struct store *s = open_store("d");

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        round_trip(s, (struct artifact_codec){.gzip = i % 2, .level = 1, .key = &test_key}, 1 << 20,
                   'm', sizes[i]);
    store_close(s);
}

TEST(round_trips_over_segments)
{
    struct store *s = open_store("d");
    static const size_t around[] = {ARTIFACT_SEGMENT - 1, ARTIFACT_SEGMENT, ARTIFACT_SEGMENT + 1,
                                    2 * ARTIFACT_SEGMENT};

    for (size_t i = 0; i < ARRAY_LEN(around); i++)
        round_trip(s, (struct artifact_codec){0}, UINT64_MAX / 4, 'r', around[i]);
    round_trip(s, (struct artifact_codec){0}, ARTIFACT_SEGMENT, 'r', 2 * ARTIFACT_SEGMENT);
    round_trip(s, (struct artifact_codec){.gzip = true, .level = 1, .key = &test_key},
               ARTIFACT_SEGMENT + 5, 'm', 40 << 20);
    store_close(s);
}

TEST(every_level)
{
    struct store *s = open_store("d");

    for (int level = 1; level <= 9; level++)
        round_trip(s, (struct artifact_codec){.gzip = true, .level = level}, 1 << 20, 'm',
                   GZIP_BLOCK * 2 + 99);
    store_close(s);
}

/* Run a shell line in the folder of the set; its output must be `data`. */
static void expect_output(const char *line, const uint8_t *data, size_t len)
{
    struct buf out = BUF_INIT(64 << 20);
    struct err e = {0};
    char folder[256];

    (void)snprintf(folder, sizeof(folder), "%s/d/job/20260101_000000", test_dir());
    const char *argv[] = {"sh", "-c", line, NULL};
    const struct child_spec spec = {
        .argv = argv, .directory = folder, .want_stdout = true, .pass_fd = -1, .timeout_ms = 50000};
    ASSERT_OK(child_run(&spec, &out, &e), e);
    ASSERT_EQ(out.len, len);
    ASSERT(memcmp(out.data, data, len) == 0);
    buf_deinit(&out);
}

TEST(stock_tools_read_it)
{
    enum { LEN = 5 << 20 };
    struct store *s = open_store("d");
    uint8_t *data = mem_alloc(LEN);
    struct artifact_codec codec = {.gzip = true, .level = 1, .key = &test_key};
    char line[1024];

    fill_bytes(data, LEN, 'm', 7);
    struct artifact_result r =
        write_artifact(s, "job/20260101_000000", "src/a.tar", codec, 1 << 20, data, LEN);
    ASSERT(r.volume_count > 2);
    ASSERT_STR(r.volumes[1].name, "src/a.tar.gz.enc.001");
    (void)snprintf(line, sizeof(line),
                   "umask 077; printf '%%s\\n' '%s' > ../../key; cat src/a.tar.gz.enc "
                   "src/a.tar.gz.enc.0* | openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md "
                   "sha256 -pass file:../../key | gunzip",
                   TEST_KEY);
    expect_output(line, data, LEN);
    artifact_result_deinit(&r);
    codec.key = NULL;
    codec.level = 6;
    r = write_artifact(s, "job/20260101_000000", "src/b.tar", codec, 1 << 30, data, LEN);
    expect_output("gzip -t src/b.tar.gz && gunzip < src/b.tar.gz", data, LEN);
    artifact_result_deinit(&r);
    store_close(s);
    free(data);
}
