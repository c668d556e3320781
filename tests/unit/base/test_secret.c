#include <fcntl.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/str.h"
#include "tests/lib/test.h"

#define GOOD "correct horse battery staple"

static struct err e;

static void write_file(const char *name, const void *data, size_t len)
{
    int dir;

    ASSERT_OK(fs_open_dir(test_dir(), &dir, &e), e);
    ASSERT_OK(fs_replace_file(dir, name, data, len, 0600, &e), e);
    (void)close(dir);
}

static int read_from(const char *text, struct secret *ret)
{
    struct secret_ref ref;

    ASSERT_OK(secret_ref_parse(text, &ref, &e), e);
    int rc = secret_read(&ref, ret, &e);
    secret_ref_deinit(&ref);
    return rc;
}

static void check_good(const char *text)
{
    struct secret s = {0};

    ASSERT_OK(read_from(text, &s), e);
    ASSERT_STR(s.text, GOOD);
    ASSERT_EQ(s.len, strlen(GOOD));
    secret_deinit(&s);
    ASSERT(s.text == NULL);
}

TEST(from_every_place)
{
    char text[300];

    write_file("key", GOOD "\n", strlen(GOOD) + 1);
    (void)snprintf(text, sizeof(text), "file:%s/key", test_dir());
    check_good(text);
    (void)setenv("SYNBAK_TEST_KEY", GOOD, 1);
    check_good("env:SYNBAK_TEST_KEY");
    (void)setenv("CREDENTIALS_DIRECTORY", test_dir(), 1);
    check_good("credential:key");
    (void)snprintf(text, sizeof(text), "command:cat \"%s/key\"", test_dir());
    check_good(text);
}

TEST(references_are_checked_without_repeating_them)
{
    const char *bad[] = {"", GOOD, "file:", "env:", "command:", "http://x", "File:/etc/key"};
    struct secret_ref ref;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ASSERT_ERR(secret_ref_parse(bad[i], &ref, &e), e, ERR_CONFIG);
        ASSERT(bad[i][0] == '\0' || strstr(e.text, GOOD) == NULL);
    }
    ASSERT_OK(secret_ref_parse("none", &ref, &e), e);
    ASSERT_EQ(ref.kind, SECRET_NONE);
    secret_ref_deinit(&ref);
}

TEST(what_cannot_be_a_key_is_refused)
{
    const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"", 0},           {"\n", 1},           {"two\nlines", 9}, {"nul\0inside", 10},
               {"gr\xc3\xbc", 4}, {"tab\tinside", 10}, {"\x01", 1}};
    char text[300];
    struct secret s;

    (void)snprintf(text, sizeof(text), "file:%s/key", test_dir());
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file("key", bad[i].bytes, bad[i].len);
        ASSERT_ERR(read_from(text, &s), e, ERR_KEY);
        ASSERT_CONTAINS(e.text, "openssl rand -base64 32");
        ASSERT_CONTAINS(e.text, "/key");
    }
    char *large = mem_alloc(SECRET_LEN_MAX + 2);
    memset(large, 'x', SECRET_LEN_MAX + 1);
    write_file("key", large, SECRET_LEN_MAX + 1);
    ASSERT_ERR(read_from(text, &s), e, ERR_KEY);
    free(large);
}

TEST(missing_places_are_named)
{
    struct secret s;

    ASSERT_ERR(read_from("file:/nonexistent/key", &s), e, ERR_KEY);
    ASSERT_STR(e.text, "key: open /nonexistent/key: No such file or directory");
    (void)unsetenv("SYNBAK_TEST_KEY");
    ASSERT_ERR(read_from("env:SYNBAK_TEST_KEY", &s), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "SYNBAK_TEST_KEY");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    ASSERT_ERR(read_from("credential:key", &s), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "LoadCredential=key:");
    (void)setenv("CREDENTIALS_DIRECTORY", test_dir(), 1);
    ASSERT_ERR(read_from("credential:../key", &s), e, ERR_KEY);
    ASSERT_ERR(read_from("command:false --password=" GOOD, &s), e, ERR_KEY);
    ASSERT(strstr(e.text, GOOD) == NULL);
    ASSERT_ERR(read_from("command:   ", &s), e, ERR_KEY);
    ASSERT_ERR(read_from("command:\"open", &s), e, ERR_KEY);
}

TEST(short_keys_are_refused_with_advice)
{
    struct secret s = secret_copy("0123456789012345678", 19);

    ASSERT_ERR(secret_check_key(&s, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "openssl rand -base64 32");
    secret_deinit(&s);
    s = secret_copy("01234567890123456789", 20);
    ASSERT_OK(secret_check_key(&s, &e), e);
    secret_deinit(&s);
    secret_deinit(&s);
}

TEST(keys_longer_than_openssl_reads_are_refused)
{
    char text[SECRET_KEY_LEN_MAX + 1];
    struct secret s;

    memset(text, 'k', sizeof(text));
    s = secret_copy(text, sizeof(text));
    ASSERT_ERR(secret_check_key(&s, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, "1024 characters, openssl reads 1023");
    secret_deinit(&s);
    s = secret_copy(text, SECRET_KEY_LEN_MAX);
    ASSERT_OK(secret_check_key(&s, &e), e);
    secret_deinit(&s);
}

TEST(several_lines_where_they_are_meant)
{
    struct secret_ref ref;
    struct secret s;
    char text[300];

    write_file("s3", "AKID\nSECRET\n", 12);
    (void)snprintf(text, sizeof(text), "file:%s/s3", test_dir());
    ASSERT_OK(secret_ref_parse(text, &ref, &e), e);
    ASSERT_OK(secret_read_lines(&ref, &s, &e), e);
    ASSERT_STR(s.text, "AKID\nSECRET");
    ASSERT_ERR(secret_read(&ref, &s, &e), e, ERR_KEY);
    secret_ref_deinit(&ref);
}
