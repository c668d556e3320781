/* The manifest of a set in a repository: what it says comes back, and nothing else is taken for one. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/manifest.h"
#include "tests/lib/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char whole[] =
    "{\"format\":\"synbak-repository\",\"version\":1,\"job\":\"j\",\"id\":\"20261121_120000\","
    "\"sequence\":3,\"tiers\":[\"daily\"],\"reason\":\"\",\"started\":\"2026-11-21T12:00:00Z\","
    "\"finished\":\"2026-11-21T12:01:00Z\",\"destination\":\"0123456789abcdef0123456789abcdef\","
    "\"host\":\"h\",\"synbak\":\"1\",\"incomplete\":false,\"fragment\":false,\"stays\":false,"
    "\"readback\":\"read\",\"sources\":[{\"name\":\"media\",\"type\":\"files\",\"whole\":true,"
    "\"problems\":[]}],\"artifacts\":[{\"source\":\"media\",\"type\":\"files\",\"kind\":\"tree\","
    "\"database\":null,\"list\":[\"" HEX64 ":65536\",\"" HEX64 ":1\"],\"raw_bytes\":10,"
    "\"stored_bytes\":5,\"details\":{}}]}";

static int parse(const char *text, struct manifest *ret, struct err *e)
{
    _cleanup_json_ json_t *o = NULL;

    ASSERT_OK(json_read(text, strlen(text), &o, e), *e);
    return manifest_from_json(o, ret, e);
}

/* The text with the first `old` replaced. */
static char *with(const char *old, const char *new)
{
    const char *at = strstr(whole, old);

    ASSERT(at != NULL);
    return mem_printf("%.*s%s%s", (int)(at - whole), whole, new, at + strlen(old));
}

TEST(it_comes_back_as_it_went)
{
    struct buf out = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
    struct err e = {0};
    struct manifest m;
    _cleanup_json_ json_t *o = NULL;

    ASSERT_OK(parse(whole, &m, &e), e);
    ASSERT(m.repository && manifest_artifact_is_tree(&m.artifacts[0]));
    ASSERT_EQ(m.artifacts[0].list.count, 2);
    _cleanup_free_ char *name = manifest_artifact_base_name(&m.artifacts[0]);
    ASSERT_STR(name, "media/media.tar");
    o = manifest_to_json(&m);
    ASSERT_OK(json_write(o, &out, &e), e);
    manifest_deinit(&m);
    ASSERT_OK(parse((char *)out.data, &m, &e), e);
    json_t *second = manifest_to_json(&m);
    ASSERT_OK(json_write(second, &again, &e), e);
    ASSERT_STR((char *)again.data, (char *)out.data);
    json_decref(second);
    manifest_deinit(&m);
    buf_deinit(&out);
    buf_deinit(&again);
}

TEST(hostile_ones_are_refused)
{
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"synbak-repository", "synbak-plain"},
        {"synbak-repository", "synbak-other"},
        {"\"version\":1", "\"version\":2"},
        {"\"kind\":\"tree\"", "\"kind\":\"tar\""},
        {"\"kind\":\"tree\"", "\"kind\":\"volume\""},
        {":65536", ":12345678"},
        {":65536", ":"},
        {":65536", ""},
        {":65536", ":65536x"},
        {"\"" HEX64 ":1\"", "\"" HEX64 "0:1\""},
        {"\"" HEX64 ":1\"",
         "\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef:1\""},
        {"\"" HEX64 ":1\"", "1"},
        {"[\"" HEX64 ":65536\",\"" HEX64 ":1\"]", "[]"},
        {"[\"" HEX64 ":65536\",\"" HEX64 ":1\"]", "null"},
        {"\"list\"", "\"volumes\""},
        {"\"destination\":\"0123", "\"destination\":\"x123"},
        {"\"source\":\"media\"", "\"source\":\"../x\""},
        {"20261121_120000", "../../etc"},
        {"\"job\":\"j\"", "\"job\":\"a/b\""},
    };
    struct err e = {0};
    struct manifest m;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = with(cases[i].old, cases[i].new);
        if (parse(text, &m, &e) == 0)
            test_fail(__FILE__, __LINE__, "case %zu was taken", i);
    }
    test_note("%zu hostile manifests refused", ARRAY_LEN(cases));
}

TEST(names_of_artifacts)
{
    static const struct {
        const char *kind, *database, *name;
    } cases[] = {
        {"dump", "synapse", "s/synapse.dump"},
        {"dump", "a/b", "s/a%2Fb.dump"},
        {"sql", "globals", "s/%67lobals.sql"},
        {"sql", "x", "s/x.sql"},
        {"globals", NULL, "s/globals.sql"},
        {"tar", NULL, "s/s.tar"},
        {"tree", NULL, "s/s.tar"},
        {"out", NULL, "s/s.out"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *name = manifest_file_name("s", cases[i].kind, cases[i].database);
        ASSERT_STR(name, cases[i].name);
    }
}
