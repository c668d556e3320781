/* Each file in cases/ is a configuration and, in comments that the reader skips, what becomes of
 * it:
 * "#! " before each error, or "#= " before each line of the normal form. */
#include <dirent.h>
#include <fcntl.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/config/print.h"
#include "tests/lib/test.h"

#define CASES SYNBAK_SOURCE_DIR "/tests/unit/config/cases"

/* The lines of text behind `mark`, each ended by a newline. */
static char *marked_lines(const struct buf *text, const char *mark)
{
    struct buf out = BUF_INIT(1 << 20);
    const char *p = (const char *)text->data, *end = p + text->len;
    struct err e;

    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = stop != NULL ? (size_t)(stop - p) : (size_t)(end - p);
        if (len >= 2 && memcmp(p, mark, 2) == 0) {
            size_t skip = len > 2 ? 3 : 2; /* the blank of an empty line is not kept */
            ASSERT_OK(buf_append(&out, p + skip, len - skip, &e), e);
            ASSERT_OK(buf_append(&out, "\n", 1, &e), e);
        }
        p += len + 1;
    }
    return buf_take_string(&out);
}

static char *joined(const struct strlist *lines)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err e;

    for (size_t i = 0; i < lines->count; i++)
        ASSERT_OK(buf_printf(&out, &e, "%s\n", lines->items[i]), e);
    return buf_take_string(&out);
}

static char *printed(const struct config *c)
{
    struct buf out = BUF_INIT(4 << 20);
    struct err e = {0};

    ASSERT_OK(config_print_secret(c, &out, &e), e);
    return buf_take_string(&out);
}

static void check_good(const char *name, struct config *c, const char *expected)
{
    _cleanup_free_ char *once = printed(c);
    struct config *again = NULL;
    struct err e = {0};

    if (strcmp(once, expected) != 0)
        test_fail(__FILE__, __LINE__, "%s prints as\n%s", name, once);
    ASSERT_OK(config_parse(name, once, strlen(once), &again, NULL, &e), e);
    _cleanup_free_ char *twice = printed(again);
    ASSERT_STR(twice, once);
    config_unref(again);
}

static void check_case(const char *name)
{
    _cleanup_free_ char *path = mem_printf(CASES "/%s", name);
    struct buf text = BUF_INIT(1 << 20);
    struct strlist errors = {0};
    struct config *c = NULL;
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, path, &text, &e), e);
    _cleanup_free_ char *wrong = marked_lines(&text, "#!"), *good = marked_lines(&text, "#=");
    int r = config_parse(name, text.data, text.len, &c, &errors, &e);
    _cleanup_free_ char *found = joined(&errors);
    if (strcmp(found, wrong) != 0)
        test_fail(__FILE__, __LINE__, "%s has the errors\n%s", name, found);
    ASSERT_EQ(r, wrong[0] != '\0' ? -1 : 0);
    if (r < 0) {
        ASSERT_EQ(e.code, ERR_CONFIG);
        ASSERT(str_starts(wrong, e.text));
    } else {
        check_good(name, c, good);
    }
    config_unref(c);
    strlist_deinit(&errors);
    buf_deinit(&text);
}

TEST(each_case_gives_what_it_says)
{
    DIR *dir = opendir(CASES);
    struct dirent *entry;
    int count = 0;

    ASSERT(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        if (str_ends(entry->d_name, ".conf")) {
            check_case(entry->d_name);
            count++;
        }
    closedir(dir);
    ASSERT(count > 50);
    test_note("%d configurations", count);
}
