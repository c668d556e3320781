#include "lib/base/buf.h"
#include "lib/store/marker.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

#define US    "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static struct err e;

static void put(struct store *s, const char *name, const char *text)
{
    ASSERT_OK(store_put_bytes(s, name, text, strlen(text), STORE_REPLACE, &e), e);
}

TEST(the_first_claim_writes_it)
{
    struct store *s = memory_store_new();
    struct marker m, again;

    ASSERT_ERR(marker_read(s, &m, &e), e, ERR_NOT_FOUND);
    ASSERT_OK(marker_claim(s, US, NULL, &m, &e), e);
    ASSERT_EQ(strlen(m.id), 32);
    ASSERT_EQ(strlen(m.salt), 32);
    ASSERT(strcmp(m.id, m.salt) != 0);
    ASSERT_OK(marker_claim(s, US, m.id, &again, &e), e);
    ASSERT_STR(again.id, m.id);
    ASSERT_STR(again.salt, m.salt);
    ASSERT_STR(again.owner, US);
    ASSERT_EQ(again.created.us, m.created.us / 1000000 * 1000000);
    store_close(s);
}

TEST(a_foreign_owner_is_refused_until_adopted)
{
    struct store *s = memory_store_new();
    struct marker m, adopted;

    ASSERT_OK(marker_claim(s, OTHER, NULL, &m, &e), e);
    ASSERT_ERR(marker_claim(s, US, NULL, &adopted, &e), e, ERR_FOREIGN);
    ASSERT_CONTAINS(e.text, "synbakctl adopt");
    ASSERT_OK(marker_adopt(s, US, NULL, &adopted, &e), e);
    ASSERT_STR(adopted.id, m.id);
    ASSERT_STR(adopted.salt, m.salt);
    ASSERT_OK(marker_claim(s, US, m.id, &adopted, &e), e);
    ASSERT_ERR(marker_claim(s, OTHER, m.id, &adopted, &e), e, ERR_FOREIGN);
    store_close(s);
}

TEST(a_known_destination_without_its_marker_is_not_mounted)
{
    struct store *s = memory_store_new();
    struct marker m;

    ASSERT_ERR(marker_claim(s, US, OTHER, &m, &e), e, ERR_NOT_MOUNTED);
    ASSERT_CONTAINS(e.text, "another place"); /* a folder of this machine would be "mounted" */
    ASSERT_ERR(marker_read(s, &m, &e), e, ERR_NOT_FOUND); /* nothing was written */
    ASSERT_OK(marker_claim(s, US, NULL, &m, &e), e);
    ASSERT_ERR(marker_claim(s, US, OTHER, &m, &e), e, ERR_NOT_MOUNTED);
    store_close(s);
}

TEST(sets_without_a_marker_are_not_taken_over)
{
    struct store *s = memory_store_new();
    struct marker m;
    char name[64];

    for (int i = 0; i < 40; i++) { /* other folders, more than one page of them */
        (void)snprintf(name, sizeof(name), "folder%02d/file", i);
        put(s, name, "x");
    }
    ASSERT_OK(marker_claim(s, US, NULL, &m, &e), e);
    ASSERT_OK(store_delete(s, MARKER_NAME, &e), e);
    put(s, "synapse/20261120_143000/manifest.json", "{}");
    ASSERT_ERR(marker_claim(s, US, NULL, &m, &e), e, ERR_FOREIGN);
    ASSERT_CONTAINS(e.text, "synbakctl adopt");
    ASSERT_OK(marker_adopt(s, US, NULL, &m, &e), e);
    ASSERT_OK(marker_claim(s, US, m.id, &m, &e), e);
    store_close(s);
}

TEST(a_lost_answer_is_no_foreign_owner)
{
    struct store *s = memory_store_new();
    struct marker m;

    memory_store_faults(s)->lose_answer = 1;
    ASSERT_OK(marker_claim(s, US, NULL, &m, &e), e);
    ASSERT_STR(m.owner, US);
    store_close(s);
}

TEST(what_is_no_marker_is_refused)
{
    const char *bad[] = {
        "",
        "{}",
        "[1]",
        "{\"version\":1,\"id\":\"" US "\",\"owner\":\"" US "\",\"salt\":\"" US "\"}",
        "{\"version\":1,\"id\":\"zz112233445566778899aabbccddeeff\",\"owner\":\"" US
        "\",\"salt\":\"" US "\",\"created\":\"2026-11-20T14:30:00Z\"}",
        "{\"version\":1,\"id\":\"00\",\"owner\":\"" US "\",\"salt\":\"" US
        "\",\"created\":\"2026-11-20T14:30:00Z\"}",
        "{\"version\":1,\"id\":\"" US "\",\"owner\":\"" US "\",\"salt\":\"" US
        "\",\"created\":\"yesterday\"}",
    };
    struct marker m;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct store *s = memory_store_new();
        put(s, MARKER_NAME, bad[i]);
        ASSERT_ERR(marker_read(s, &m, &e), e, ERR_FORMAT);
        ASSERT_ERR(marker_claim(s, US, NULL, &m, &e), e, ERR_FORMAT);
        ASSERT_ERR(marker_adopt(s, US, NULL, &m, &e), e, ERR_FORMAT);
        store_close(s);
    }
}

/* It is whole: to remove it would be the wrong advice. */
TEST(a_newer_version_is_not_damage)
{
    struct store *s = memory_store_new();
    struct marker m;

    put(s, MARKER_NAME,
        "{\"version\":2,\"id\":\"" US "\",\"owner\":\"" US "\",\"salt\":\"" US
        "\",\"created\":\"2026-11-20T14:30:00Z\"}");
    ASSERT_ERR(marker_read(s, &m, &e), e, ERR_REFUSED);
    ASSERT_CONTAINS(e.text, "newer version of synbak");
    ASSERT(strstr(e.text, "damaged") == NULL);
    ASSERT_ERR(marker_claim(s, US, NULL, &m, &e), e, ERR_REFUSED);
    ASSERT_ERR(marker_adopt(s, US, NULL, &m, &e), e, ERR_REFUSED);
    store_close(s);
}
