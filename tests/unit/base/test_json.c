#include "lib/base/json.h"
#include "tests/lib/test.h"

static struct err e;

static json_t *parse(const char *text)
{
    json_t *v = NULL;

    ASSERT_OK(json_read(text, strlen(text), &v, &e), e);
    return v;
}

TEST(what_is_no_json_is_refused)
{
    const char *bad[] = {"",     "{",   "{\"a\":1,\"a\":2}",   "{\"a\":1} x",      "\"\xff\"",
                         "[1,]", "nul", "{\"a\":\"\\u0000\"}", "{\"a\\u0000b\":1}"};
    json_t *v;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ASSERT_ERR(json_read(bad[i], strlen(bad[i]), &v, &e), e, ERR_FORMAT);
}

/* A thousand brackets must not take the stack. */
TEST(deep_nesting_is_refused)
{
    enum { DEPTH = 1000000 };
    char *text = mem_alloc(DEPTH);
    json_t *v;

    memset(text, '[', DEPTH);
    ASSERT_ERR(json_read(text, DEPTH, &v, &e), e, ERR_FORMAT);
    free(text);
}

TEST(getters_name_the_member)
{
    _cleanup_json_ json_t *o =
        parse("{\"s\":\"x\",\"n\":5,\"b\":true,\"l\":[\"a\",\"b\"],\"o\":{}}");
    const char *s;
    int64_t n;
    bool b;
    json_t *v;
    struct strlist list = {0};

    ASSERT_OK(json_get_string(o, "s", &s, &e), e);
    ASSERT_STR(s, "x");
    ASSERT_OK(json_get_i64(o, "n", 0, 5, &n, &e), e);
    ASSERT_EQ(n, 5);
    ASSERT_OK(json_get_bool(o, "b", &b, &e), e);
    ASSERT(b);
    ASSERT_OK(json_get_array(o, "l", &v, &e), e);
    ASSERT_OK(json_get_object(o, "o", &v, &e), e);
    ASSERT_OK(json_get_strings(o, "l", &list, &e), e);
    ASSERT_EQ(list.count, 2);
    ASSERT_STR(list.items[1], "b");
    strlist_deinit(&list);

    ASSERT_ERR(json_get_string(o, "nothing", &s, &e), e, ERR_FORMAT);
    ASSERT_CONTAINS(e.text, "\"nothing\" is missing");
    ASSERT_ERR(json_get_string(o, "n", &s, &e), e, ERR_FORMAT);
    ASSERT_CONTAINS(e.text, "\"n\"");
    ASSERT_ERR(json_get_i64(o, "n", 6, 9, &n, &e), e, ERR_FORMAT);
    ASSERT_ERR(json_get_i64(o, "b", 0, 9, &n, &e), e, ERR_FORMAT);
    ASSERT_ERR(json_get_bool(o, "s", &b, &e), e, ERR_FORMAT);
    ASSERT_ERR(json_get_array(o, "o", &v, &e), e, ERR_FORMAT);
    ASSERT_ERR(json_get_object(o, "l", &v, &e), e, ERR_FORMAT);
    _cleanup_json_ json_t *mixed = parse("{\"l\":[\"a\",1]}");
    ASSERT_ERR(json_get_strings(mixed, "l", &list, &e), e, ERR_FORMAT);
    strlist_deinit(&list);
}

TEST(optional_members_fall_back)
{
    _cleanup_json_ json_t *o = parse("{\"s\":\"x\",\"n\":5,\"b\":true}");

    ASSERT_STR(json_opt_string(o, "s", "y"), "x");
    ASSERT_STR(json_opt_string(o, "n", "y"), "y");
    ASSERT_EQ(json_opt_i64(o, "n", 1), 5);
    ASSERT_EQ(json_opt_i64(o, "s", 1), 1);
    ASSERT(json_opt_bool(o, "b", false));
    ASSERT(json_opt_bool(o, "none", true));
}

TEST(equal_values_give_equal_bytes)
{
    _cleanup_json_ json_t *a = parse("{\"b\": 1, \"a\": [true, null, \"\\u00fc\"]}");
    _cleanup_json_ json_t *b = parse("{\"a\":[true,null,\"\xc3\xbc\"],\"b\":1}");
    struct buf x = BUF_INIT(1000), y = BUF_INIT(1000), small = BUF_INIT(5);

    ASSERT_OK(json_write(a, &x, &e), e);
    ASSERT_OK(json_write(b, &y, &e), e);
    ASSERT_STR((char *)x.data, (char *)y.data);
    ASSERT_STR((char *)x.data, "{\"a\":[true,null,\"\xc3\xbc\"],\"b\":1}");
    ASSERT_ERR(json_write(a, &small, &e), e, ERR_LIMIT);
    buf_deinit(&x);
    buf_deinit(&y);
    buf_deinit(&small);
}

TEST(any_bytes_can_be_shown)
{
    _cleanup_json_ json_t *v = json_printable("caf\xe9");

    ASSERT_STR(json_string_value(v), "caf\\xe9");
    struct strlist list = {0};
    strlist_add(&list, "a");
    strlist_add(&list, "\xff");
    _cleanup_json_ json_t *array = json_from_strings(&list);
    ASSERT_EQ(json_array_size(array), 2);
    ASSERT_STR(json_string_value(json_array_get(array, 1)), "\\xff");
    strlist_deinit(&list);
}
