/* Which key opens which manifest, and what is refused. */
#include "lib/plain/keyring.h"
#include "tests/unit/plain/set_fixture.h"

static const struct secret old_key = {.text = (char[]){"yesterdays-key-of-enough-length"},
                                      .len = 31};

static struct mac_key derived(const struct secret *key)
{
    struct mac_key k;
    struct err e = {0};

    ASSERT_OK(mac_key_derive(key, "ffeeddccbbaa99887766554433221100", &k, &e), e);
    return k;
}

static void expect(struct keyring *r, struct store *s, const char *destination,
                   const struct secret *key)
{
    struct manifest m;
    const struct secret *found = NULL;
    const struct mac_key *mac = NULL;
    struct err e = {0};

    ASSERT_OK(keyring_read(r, s, "job", "20260101_000000", destination, &m, &found, &mac, &e), e);
    ASSERT(found == key);
    ASSERT_STR(mac->id, m.key_id);
    manifest_deinit(&m);
}

static void expect_refused(struct keyring *r, struct store *s, enum err_code code)
{
    struct manifest m;
    struct err e = {0};

    ASSERT_ERR(keyring_read(r, s, "job", "20260101_000000", NULL, &m, NULL, NULL, &e), e, code);
}

TEST(present_old_and_no_key)
{
    struct store *s = open_store("d");
    const struct mac_key k = derived(&old_key);
    struct manifest m = commit_set(s, "job", "20260101_000000", &k, 100);
    struct keyring *r = keyring_new(&test_key);

    expect_refused(r, s, ERR_KEY);
    keyring_add_old(r, &old_key);
    expect(r, s, NULL, &old_key);
    expect(r, s, m.destination_id, &old_key);
    keyring_free(r);
    r = keyring_new(NULL);
    expect_refused(r, s, ERR_KEY);
    keyring_free(r);
    manifest_deinit(&m);
    store_close(s);
}

TEST(another_destination)
{
    struct store *s = open_store("d");
    const struct mac_key k = derived(&test_key);
    struct manifest m = commit_set(s, "job", "20260101_000000", &k, 100);
    struct keyring *r = keyring_new(&test_key);
    struct manifest unused;
    struct err e = {0};

    ASSERT_ERR(keyring_read(r, s, "job", "20260101_000000", "00000000000000000000000000000000",
                            &unused, NULL, NULL, &e),
               e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "another destination");
    keyring_free(r);
    manifest_deinit(&m);
    store_close(s);
}

TEST(mac_keys_depend_on_secret_and_salt)
{
    struct mac_key a = derived(&test_key), b = derived(&old_key), c;
    struct err e = {0};

    ASSERT_OK(mac_key_derive(&test_key, "00eeddccbbaa99887766554433221100", &c, &e), e);
    ASSERT(memcmp(a.bytes, b.bytes, 32) != 0);
    ASSERT(memcmp(a.bytes, c.bytes, 32) != 0);
    ASSERT_ERR(mac_key_derive(&test_key, "not hex, but of the right length", &c, &e), e,
               ERR_FORMAT);
}
