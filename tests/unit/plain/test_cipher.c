/* Our own rounds of PBKDF2 against OpenSSL's, and the forms that openssl enc writes. */
#include <openssl/evp.h>

#include "lib/base/buf.h"
#include "lib/base/child.h"
#include "lib/plain/cipher.h"
#include "tests/unit/plain/fixture.h"

static void compare(const char *text, const char *salt, size_t salt_len, size_t out_len)
{
    const struct secret key = {.text = (char *)text, .len = strlen(text)};
    uint8_t ours[64], theirs[64];
    struct err e = {0};

    ASSERT_OK(cipher_stretch(&key, (const uint8_t *)salt, salt_len, ours, out_len, &e), e);
    ASSERT_EQ(PKCS5_PBKDF2_HMAC(text, (int)strlen(text), (const uint8_t *)salt, (int)salt_len,
                                CIPHER_ITERATIONS, EVP_sha256(), (int)out_len, theirs),
              1);
    ASSERT(memcmp(ours, theirs, out_len) == 0);
}

TEST(stretching_agrees_with_openssl)
{
    char block[65], longer[81];

    memset(block, 'b', 64);
    block[64] = '\0';
    memset(longer, 'l', 80);
    longer[80] = '\0';
    compare("correct-horse-battery-staple", "saltsalt", 8, 48);
    compare(block, "0123456789abcdef", 16, 32);
    compare(longer, "\0\0\0\0\0\0\0\377", 8, 33);
}

TEST(reads_what_openssl_enc_wrote)
{
    struct buf out = BUF_INIT(1 << 16);
    struct cipher *c = NULL;
    struct err e = {0};
    uint8_t clear[256];
    size_t n = 0, last = 0;
    const char *argv[] = {"sh", "-c",
                          "umask 077; echo " TEST_KEY " > k; printf 'forty-two' | openssl enc "
                          "-aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -salt -pass file:k",
                          NULL};
    const struct child_spec spec = {.argv = argv,
                                    .directory = test_dir(),
                                    .want_stdout = true,
                                    .pass_fd = -1,
                                    .timeout_ms = 30000};

    ASSERT_OK(child_run(&spec, &out, &e), e);
    ASSERT_EQ(out.len, CIPHER_HEADER + CIPHER_BLOCK);
    ASSERT_OK(cipher_decrypt_new(&test_key, out.data, &c, &e), e);
    ASSERT_OK(cipher_update(c, out.data + CIPHER_HEADER, CIPHER_BLOCK, clear, &n, &e), e);
    ASSERT_OK(cipher_final(c, clear + n, &last, &e), e);
    ASSERT_EQ(n + last, 9);
    ASSERT(memcmp(clear, "forty-two", 9) == 0);
    cipher_free(c);
    buf_deinit(&out);
}

TEST(no_header_is_damage)
{
    struct cipher *c = NULL;
    struct err e = {0};

    ASSERT_ERR(cipher_decrypt_new(&test_key, (const uint8_t *)"Pepper__12345678", &c, &e), e,
               ERR_DAMAGED);
}
