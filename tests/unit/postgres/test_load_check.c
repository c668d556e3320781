/* Which tables SQL text has: headings as pg_restore writes them, wherever they lie. */
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/postgres/restore.h"
#include "tests/lib/test.h"

static struct err e;

/* The heading of `table`, behind so many bytes of rows. */
static int file_with(size_t before, const char *table)
{
    _cleanup_free_ char *path = mem_printf("%s/sql", test_dir());
    _cleanup_free_ char *rows = mem_alloc(before + 1);
    FILE *f = fopen(path, "w+b");

    memset(rows, 'x', before);
    ASSERT(f != NULL && fwrite(rows, 1, before, f) == before);
    ASSERT(fprintf(f, "\n-- Name: %s; Type: TABLE; Schema: public; Owner: -\n--\n", table) > 0);
    int fd = dup(fileno(f));
    ASSERT(fd >= 0 && fclose(f) == 0);
    return fd;
}

static int check(int fd, const char *first, const char *second)
{
    struct strlist tables = {0};

    strlist_add(&tables, first);
    if (second != NULL)
        strlist_add(&tables, second);
    int rc = pg_load_check_text(fd, &tables, &e);
    strlist_deinit(&tables);
    return rc;
}

TEST(a_table_that_is_there)
{
    int fd = file_with(100, "events");

    ASSERT_OK(check(fd, "events", NULL), e);
    ASSERT_ERR(check(fd, "event", NULL), e, ERR_NOT_FOUND);
    ASSERT_ERR(check(fd, "events", "users"), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, "\"users\"");
    ASSERT_ERR(check(fd, "public.events", NULL), e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(e.text, "without its schema");
    ASSERT_ERR(check(fd, "a\nb", NULL), e, ERR_NOT_FOUND);
    ASSERT(strchr(e.text, '\n') == NULL); /* it is shown on a terminal */
    (void)close(fd);
}

/* Around every end of what is read at once. */
TEST(a_heading_across_two_pieces)
{
    static const size_t ends[] = {1 << 12, 1 << 13, 1 << 14, 1 << 15,
                                  1 << 16, 1 << 17, 1 << 18, 1 << 20};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        for (size_t back = 0; back <= 40; back++) {
            int fd = file_with(ends[i] - back, "events");
            ASSERT_OK(check(fd, "events", NULL), e);
            ASSERT_ERR(check(fd, "users", NULL), e, ERR_NOT_FOUND);
            (void)close(fd);
        }
}

TEST(nothing_asked_for_and_nothing_there)
{
    struct strlist none = {0};
    int fd = file_with(0, "events");

    ASSERT_OK(pg_load_check_text(fd, &none, &e), e);
    ASSERT(ftruncate(fd, 0) == 0);
    ASSERT_ERR(check(fd, "events", NULL), e, ERR_NOT_FOUND);
    (void)close(fd);
}
