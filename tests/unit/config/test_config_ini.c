#include "lib/base/mem.h"
#include "lib/config/ini.h"
#include "lib/base/str.h"
#include "tests/lib/test.h"

static void expect_value(const char *text, const char *value)
{
    struct ini ini;
    struct ini_item item;
    struct err e = {0};

    ini_init(&ini, text, strlen(text));
    ASSERT_OK(ini_next(&ini, &item, &e), e);
    ASSERT_EQ(item.kind, INI_KEY);
    ASSERT_STR(item.name, "k");
    _cleanup_free_ char *plain = NULL;
    ASSERT_OK(ini_unquote(item.value, &plain, &e), e);
    ASSERT_STR(plain, value);
    ini_deinit(&ini);
}

TEST(values)
{
    expect_value("k=v", "v");
    expect_value("  k\t =  v  w \t", "v  w");
    expect_value("k = v # comment", "v");
    expect_value("k = v\t# comment", "v");
    expect_value("k = v#w", "v#w");
    expect_value("k = #", "");
    expect_value("k =", "");
    expect_value("k = v ; w", "v ; w");
    expect_value("k = \" v # w \"", " v # w ");
    expect_value("k = \"a\\\"b\\\\c\\d\"", "a\"b\\c\\d");
    expect_value("k = a\"b c\"d", "ab cd");
    expect_value("k = a = b", "a = b");
    expect_value("k = a \\\nb", "a  b");
    expect_value("k = a \\\r\n  b # c \\\n", "a  b");
    expect_value("k = \"a \\\n# b\"", "a  # b");
    expect_value("k = a \\", "a");
    expect_value("k = a \\\n\nx = y", "a");
    expect_value("k = a # b \\\nx = y", "a");
    expect_value("\xef\xbb\xbfk = \xc3\xa4", "\xc3\xa4");
}

TEST(lines_are_counted_with_their_continuations)
{
    static const char text[] = "# one\n[a]\nk = 1 \\\n 2\n\n\nl = 3\n=\n[b]";
    static const int lines[] = {2, 3, 7, 8, 9};
    struct ini ini;
    struct ini_item item;
    struct err e;
    size_t n = 0;
    int r;

    ini_init(&ini, text, strlen(text));
    while ((r = ini_next(&ini, &item, &e)) != 1) {
        ASSERT(n < ARRAY_LEN(lines));
        ASSERT_EQ(ini.line, lines[n]);
        ASSERT_EQ(r, n == 3 ? -1 : 0);
        n++;
    }
    ASSERT_EQ(n, ARRAY_LEN(lines));
    ini_deinit(&ini);
}

/* Whether a key with a value of `len` bytes is taken. */
static int read_long(size_t len, struct err *e)
{
    char *text = mem_alloc(len + 5);
    struct ini ini;
    struct ini_item item;

    memcpy(text, "k = ", 4);
    memset(text + 4, 'v', len);
    ini_init(&ini, text, len + 4);
    int r = ini_next(&ini, &item, e);
    if (r == 0)
        ASSERT_EQ(strlen(item.value), len);
    ini_deinit(&ini);
    free(text);
    return r;
}

TEST(long_lines_are_refused)
{
    struct err e = {0};

    ASSERT_OK(read_long(INI_VALUE_MAX, &e), e);
    ASSERT_ERR(read_long(INI_VALUE_MAX + 1, &e), e, ERR_CONFIG);
    ASSERT_CONTAINS(e.text, "longer than");
    ASSERT_ERR(read_long(INI_LINE_MAX, &e), e, ERR_CONFIG);
    ASSERT_ERR(read_long(900000, &e), e, ERR_CONFIG);
}

TEST(what_is_quoted_is_unquoted)
{
    static const char *const texts[] = {"",       "a",     " a",   "a ",    "a b",  "#a",  "a #b",
                                        "a#b",    "\"",    "\\",   "a\\",   "\\\"", ";a",  "a\tb",
                                        "\\ \\ ", "\"a\"", "a\\b", "\\\\a", "'",    "a;b", "a \\"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf line = BUF_INIT(1024);
        struct strlist words = {0};
        struct ini ini;
        struct ini_item item;
        struct err e;
        ASSERT_OK(buf_printf(&line, &e, "k = "), e);
        ASSERT_OK(ini_quote(&line, texts[i], false, &e), e);
        expect_value((char *)line.data, texts[i]);
        buf_clear(&line);
        ASSERT_OK(buf_printf(&line, &e, "k = one "), e);
        ASSERT_OK(ini_quote(&line, texts[i], true, &e), e);
        ini_init(&ini, line.data, line.len);
        ASSERT_OK(ini_next(&ini, &item, &e), e);
        ASSERT_OK(strlist_split(&words, item.value, &e), e);
        ASSERT_EQ(words.count, 2);
        ASSERT_STR(words.items[1], texts[i]);
        ini_deinit(&ini);
        strlist_deinit(&words);
        buf_deinit(&line);
    }
}
