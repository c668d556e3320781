#include "lib/base/mem.h"
#include "lib/postgres/databases.h"
#include "lib/postgres/globals.h"
#include "lib/postgres/tools.h"
#include "tests/lib/test.h"

static struct pg_program version(const char *text)
{
    struct pg_program p = {0};
    struct err e = {0};

    ASSERT_OK(pg_tool_parse_version(text, &p, &e), e);
    return p;
}

TEST(versions_are_read_from_what_programs_say)
{
    struct pg_program p = version("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n");
    ASSERT_EQ(p.major, 15);
    ASSERT_EQ(p.minor, 20);
    ASSERT_STR(p.version, "15.20");
    pg_program_deinit(&p);
    p = version("psql (PostgreSQL) 18beta2\n");
    ASSERT_EQ(p.major, 18);
    ASSERT_EQ(p.minor, 0);
    pg_program_deinit(&p);

    struct err e = {0};
    ASSERT_ERR(pg_tool_parse_version("no such thing", &p, &e), e, ERR_SOURCE);
    ASSERT_ERR(pg_tool_parse_version("pg_dump (PostgreSQL) x", &p, &e), e, ERR_SOURCE);
}

TEST(only_a_psql_with_the_mended_commands_is_safe)
{
    static const struct {
        const char *version;
        bool safe;
    } cases[] = {{"13.21", false}, {"13.22", true}, {"14.18", false}, {"14.19", true},
                 {"15.13", false}, {"15.14", true}, {"16.9", false},  {"16.10", true},
                 {"17.5", false},  {"17.6", true},  {"18.0", true},   {"12.22", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = mem_printf("psql (PostgreSQL) %s", cases[i].version);
        struct pg_program p = version(text);
        struct err e = {0};
        p.path = mem_strdup("/usr/bin/psql");
        int rc = pg_psql_is_safe(&p, &e);
        if ((rc == 0) != cases[i].safe)
            test_fail(__FILE__, __LINE__, "%s is %ssafe", cases[i].version, rc == 0 ? "" : "un");
        pg_program_deinit(&p);
    }
}

TEST(side_names_fit_and_stay_utf8)
{
    _cleanup_free_ char *plain = pg_side_name("synapse", "old", "20261120_143000");
    ASSERT_STR(plain, "synapse_synbak_old_20261120_143000");
    for (size_t n = 20; n < 40; n++) {
        char name[128] = "";
        for (size_t i = 0; i < n; i++)
            (void)strcat(name, "ü");
        _cleanup_free_ char *side = pg_side_name(name, "undone", "20261120_143000");
        ASSERT(strlen(side) <= 63);
        ASSERT(str_is_utf8(side, strlen(side)));
        ASSERT_CONTAINS(side, "_synbak_undone_20261120_143000");
        name[strlen(name) - 2] = 'a';
        name[strlen(name) - 1] = 'b';
        _cleanup_free_ char *other = pg_side_name(name, "undone", "20261120_143000");
        ASSERT(strcmp(side, other) != 0);
    }
}

static void split(const char *text, const char *const *expected)
{
    struct strlist got = {0};
    struct err e = {0};
    size_t n = 0;

    ASSERT_OK(pg_globals_split(text, strlen(text), &got, &e), e);
    for (; expected[n] != NULL; n++)
        ASSERT_STR(n < got.count ? got.items[n] : NULL, expected[n]);
    ASSERT_EQ(got.count, n);
    strlist_deinit(&got);
}

TEST(statements_are_split_outside_of_quotes_only)
{
    split("", (const char *const[]){NULL});
    split("--\n-- Roles; and so on\n--\n\n\\restrict abc;\n\nCREATE ROLE a;\nALTER ROLE a WITH "
          "LOGIN;\n",
          (const char *const[]){"CREATE ROLE a", "ALTER ROLE a WITH LOGIN", NULL});
    split("COMMENT ON ROLE a IS 'x;\nCREATE ROLE evil;\n''';\nCREATE ROLE \"b;\"\"\n\";",
          (const char *const[]){"COMMENT ON ROLE a IS 'x;\nCREATE ROLE evil;\n'''",
                                "CREATE ROLE \"b;\"\"\n\"", NULL});
    split("COMMENT ON ROLE a IS E'\\\\'';\\';' ;",
          (const char *const[]){"COMMENT ON ROLE a IS E'\\\\'';\\';' ", NULL});
}

TEST(text_that_does_not_end_is_refused)
{
    static const char *const bad[] = {"CREATE ROLE a", "COMMENT ON ROLE a IS 'x;",
                                      "CREATE ROLE \"b;", "COMMENT ON ROLE a IS E'\\';"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct strlist got = {0};
        struct err e = {0};
        ASSERT_ERR(pg_globals_split(bad[i], strlen(bad[i]), &got, &e), e, ERR_FORMAT);
        strlist_deinit(&got);
    }
}
