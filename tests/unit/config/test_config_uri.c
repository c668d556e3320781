#include "lib/base/mem.h"
#include "lib/config/uri.h"
#include "tests/lib/test.h"

TEST(passwords_are_hidden_in_both_forms)
{
    static const struct {
        const char *uri, *shown;
    } cases[] = {
        {"postgresql:///synapse", NULL},
        {"postgresql://u@h/d", NULL},
        {"postgresql://h:5432/d", NULL},
        {"postgresql://h:5432/d?sslmode=require", NULL},
        {"postgresql://u:p@h/d", "postgresql://u:***@h/d"},
        {"postgres://u:p@h1:1,h2:2/d?x=y", "postgres://u:***@h1:1,h2:2/d?x=y"},
        {"postgresql://u:p@x@h/d", "postgresql://u:***@h/d"},
        {"postgresql://u:p/q@h/d", "postgresql://u:***@h/d"},
        {"postgresql://:p@/d", "postgresql://:***@/d"},
        {"postgresql:///d?user=u&password=p&x=y", "postgresql:///d?user=u&password=***&x=y"},
        {"postgresql:///d?password=p", "postgresql:///d?password=***"},
        {"postgresql:///d?sslpassword=p#q", "postgresql:///d?sslpassword=***"},
        {"postgresql:///d?passwordless=p", NULL},
        {"host=h dbname=d", NULL},
        {"host=h password=p dbname=d", "host=h password=*** dbname=d"},
        {"password=p", "password=***"},
        {"password = 'a b' host=h", "password = *** host=h"},
        {"password='a\\' b' host=h", "password=*** host=h"},
        {"password=a\\ b host=h", "password=*** host=h"},
        {"password='never closed host=h", "password=***"},
        {"host=h sslpassword=p", "host=h sslpassword=***"},
        {"host=password password=password", "host=password password=***"},
        {"password=", "password=***"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *expected = cases[i].shown != NULL ? cases[i].shown : cases[i].uri;
        _cleanup_free_ char *shown = uri_redact(cases[i].uri);
        ASSERT_STR(shown, expected);
        ASSERT_EQ(uri_has_password(cases[i].uri), cases[i].shown != NULL);
    }
}

TEST(what_is_no_connection_string_is_refused_without_repeating_it)
{
    struct err e = {0};

    ASSERT_OK(uri_check("postgresql:///x", &e), e);
    ASSERT_OK(uri_check("dbname=x", &e), e);
    ASSERT_ERR(uri_check("geheim", &e), e, ERR_CONFIG);
    ASSERT(strstr(e.text, "geheim") == NULL);
}
