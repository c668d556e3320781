/* test.h — the unit test harness: each TEST runs in a process of its own and prints one TAP line.
 *
 *   TEST(fires_at_two) { ASSERT_EQ(next(...), 7200); }
 *
 * A failed assertion prints where and what, and ends that test. A test has 60 seconds.
 * The program takes names of tests to run; none means all. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                               const char *fmt, ...);
/* A line "# NAME: text" in the output: counts of enumerations and the like. */
__attribute__((format(printf, 1, 2))) void test_note(const char *fmt, ...);
/* A fresh directory, removed with all in it when the test ends. */
const char *test_dir(void);
/* True under --long: the campaigns run whole instead of in their short form. */
bool test_long(void);

#define TEST(name_)                                                                                \
    static void test_##name_(void);                                                                \
    static struct test entry_##name_ = {#name_, test_##name_, NULL};                               \
    __attribute__((constructor)) static void add_##name_(void)                                     \
    {                                                                                              \
        test_register(&entry_##name_);                                                             \
    }                                                                                              \
    static void test_##name_(void)

#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
    } while (0)
#define ASSERT_EQ(a, b)                                                                            \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_)                                                                              \
            test_fail(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, a_, #b, b_);               \
    } while (0)
#define ASSERT_STR(a, b)                                                                           \
    do {                                                                                           \
        const char *a_ = (a), *b_ = (b);                                                           \
        if (a_ == NULL || b_ == NULL || strcmp(a_, b_) != 0)                                       \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_ ? a_ : "(null)",      \
                      b_ ? b_ : "(null)");                                                         \
    } while (0)
#define ASSERT_CONTAINS(text, part)                                                                \
    do {                                                                                           \
        const char *t_ = (text), *p_ = (part);                                                     \
        if (t_ == NULL || strstr(t_, p_) == NULL)                                                  \
            test_fail(__FILE__, __LINE__, "\"%s\" does not contain \"%s\"", t_ ? t_ : "(null)",    \
                      p_);                                                                         \
    } while (0)
/* The call succeeds / fails with that code; `e` is the struct err that it was given. */
#define ASSERT_OK(call, e)                                                                         \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            test_fail(__FILE__, __LINE__, "%s: %s (%s:%d)", #call, (e).text,                       \
                      (e).file ? (e).file : "nowhere", (e).line);                                  \
    } while (0)
#define ASSERT_ERR(call, e, code_)                                                                 \
    do {                                                                                           \
        if ((call) >= 0)                                                                           \
            test_fail(__FILE__, __LINE__, "%s: succeeded", #call);                                 \
        if ((e).code != (code_))                                                                   \
            test_fail(__FILE__, __LINE__, "%s: %s: %s", #call, err_word((e).code), (e).text);      \
    } while (0)
