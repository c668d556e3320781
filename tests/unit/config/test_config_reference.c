#include <fcntl.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/config/option.h"
#include "lib/config/reference.h"
#include "tests/lib/test.h"

static char *reference(enum reference_form form)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err e = {0};

    ASSERT_OK(config_reference(form, &out, &e), e);
    return buf_take_string(&out);
}

TEST(the_manual_page_holds_the_table)
{
    static const char begin[] = ".\\\" BEGIN options\n", end[] = ".\\\" END options\n";
    _cleanup_free_ char *expected = reference(REFERENCE_MAN);
    struct buf page = BUF_INIT(1 << 20);
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, SYNBAK_SOURCE_DIR "/docs/man/synbak.conf.5", &page, &e), e);
    char *from = strstr((char *)page.data, begin), *to = strstr((char *)page.data, end);
    ASSERT(from != NULL && to > from);
    from += strlen(begin);
    *to = '\0';
    if (strcmp(from, expected) != 0)
        test_fail(__FILE__, __LINE__,
                  "docs/man/synbak.conf.5 differs from options.def; put the output of \"synbakctl "
                  "config options --man\" between its two marks");
    buf_deinit(&page);
}

TEST(every_option_stands_in_both_forms)
{
    _cleanup_free_ char *text = reference(REFERENCE_TEXT), *man = reference(REFERENCE_MAN);

    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_option_table[i];
        _cleanup_free_ char *in_text = mem_printf("\n  %s = ", o->key);
        _cleanup_free_ char *in_man = mem_printf("\n.It Ic %s = ", o->key);
        ASSERT_CONTAINS(text, in_text);
        ASSERT_CONTAINS(man, in_man);
        ASSERT_CONTAINS(text, o->help);
    }
}

TEST(no_line_of_the_manual_is_a_macro_by_accident)
{
    static const char *const macros[] = {".Ss ", ".Bl ", ".It ", ".El", ".Cm "};
    _cleanup_free_ char *man = reference(REFERENCE_MAN);

    for (const char *line = man; *line != '\0'; line = strchr(line, '\n') + 1) {
        bool known = line[0] != '.' && line[0] != '\'';
        for (size_t i = 0; i < ARRAY_LEN(macros); i++)
            known = known || str_starts(line, macros[i]);
        if (!known)
            test_fail(__FILE__, __LINE__, "%.60s", line);
        ASSERT(line[0] != '\n' && line[0] != ' ');
        if (line[0] != '.')
            ASSERT(strcspn(line, "\n") <= 80);
    }
}
