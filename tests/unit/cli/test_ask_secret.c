/* A secret from standard input: one line of it, and recovery codes however they are typed. What a terminal adds (no echo,
 * asking twice) is in tests/integration/test_repository_keys.py. */
#include "cli/ask_secret.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "tests/lib/test.h"

/* 0 and the secret, or the error. */
static int ask(const char *input, struct secret *ret, struct err *e)
{
    int ends[2];

    ASSERT(pipe(ends) == 0);
    ASSERT(write(ends[1], input, strlen(input)) == (ssize_t)strlen(input));
    ASSERT(close(ends[1]) == 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO &&
           close(ends[0]) == 0);
    return ask_secret("passphrase", true, ret, e);
}

static void expect(const char *input, const char *text)
{
    struct secret s;
    struct err e = {0};

    ASSERT_OK(ask(input, &s, &e), e);
    ASSERT_EQ(s.len, strlen(text));
    ASSERT(memcmp(s.text, text, s.len) == 0);
    secret_deinit(&s);
}

static void expect_refused(const char *input, const char *why)
{
    struct secret s;
    struct err e = {0};

    ASSERT_ERR(ask(input, &s, &e), e, ERR_KEY);
    ASSERT_CONTAINS(e.text, why);
    ASSERT(s.text == NULL);
    if (strlen(input) > 4)
        ASSERT(strstr(e.text, input) == NULL); /* a secret is in no message */
}

TEST(one_line_of_it)
{
    expect("correct horse battery staple\n", "correct horse battery staple");
    expect("correct horse battery staple", "correct horse battery staple");
    expect("correct horse battery staple\r\n", "correct horse battery staple");
    expect("  blanks count, at both ends  \n", "  blanks count, at both ends  ");
    expect("the first line is the secret\nand this is another's\n", "the first line is the secret");
}

TEST(what_follows_the_line_is_left_in_the_pipe)
{
    struct secret s;
    struct err e = {0};
    char rest[16];

    ASSERT_OK(ask("correct horse battery staple\nnext", &s, &e), e);
    ASSERT_EQ(read(STDIN_FILENO, rest, sizeof(rest)), 4);
    ASSERT(memcmp(rest, "next", 4) == 0);
    secret_deinit(&s);
}

#define CODE "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789"

TEST(recovery_codes_as_they_are_typed)
{
    expect(CODE "\n", CODE);
    expect("abcd-efgh-jklm-npqr-stuv-wxyz-2345-6789\n", CODE);
    expect("abcd efgh JKLM npqr stuv wxyz 2345 6789\n", CODE);
    /* not a code: a passphrase stays as it is */
    expect("abcd-efgh-jklm-npqr-stuv-wxyz-2345-678\n", "abcd-efgh-jklm-npqr-stuv-wxyz-2345-678");
    expect("abcd-efgh-jklm-npqr-stuv-wxyz-2345-678o\n", "abcd-efgh-jklm-npqr-stuv-wxyz-2345-678o");
    expect("abcd_efgh-jklm-npqr-stuv-wxyz-2345-6789\n", "abcd_efgh-jklm-npqr-stuv-wxyz-2345-6789");
}

TEST(what_is_no_secret)
{
    char long_line[70000];

    expect_refused("", "at least");
    expect_refused("\n", "at least");
    expect_refused("too short\n", "at least");
    expect_refused("correct horse\tbattery staple\n", "printable");
    expect_refused("correct horse b\xc3\xa4ttery staple\n", "printable");
    memset(long_line, 'x', sizeof(long_line) - 1);
    long_line[sizeof(long_line) - 1] = '\0';
    long_line[4000] = '\0'; /* fits a pipe, and is longer than any key */
    expect_refused(long_line, "");
}
