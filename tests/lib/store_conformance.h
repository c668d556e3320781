/* store_conformance.h — what every store must do, whatever stands behind it. A test program says
 * once how to make an empty one:
 *
 *   static struct store *make(void) { ... }
 *   STORE_CONFORMANCE(make)
 */
#pragma once

#include "lib/store/store.h"
#include "tests/lib/test.h"

#define STORE_CONFORMANCE_CASES(X)                                                                 \
    X(bytes_come_back)                                                                             \
    X(streams_come_back)                                                                           \
    X(ranges)                                                                                      \
    X(replace_and_fail_if_exists)                                                                  \
    X(abort_leaves_nothing)                                                                        \
    X(wrong_seal_is_damage)                                                                        \
    X(unsealed_bytes_are_refused)                                                                  \
    X(names_are_checked)                                                                           \
    X(lists_in_byte_order)                                                                         \
    X(lists_in_pages)                                                                              \
    X(lists_fold)                                                                                  \
    X(prefixes_need_no_slash)                                                                      \
    X(delete_is_final)                                                                             \
    X(absent_objects)                                                                              \
    X(puts_beside_each_other)

#define X(name) void store_conformance_##name(struct store *s);
STORE_CONFORMANCE_CASES(X)
#undef X

#define STORE_CONFORMANCE_TEST(name)                                                               \
    TEST(name)                                                                                     \
    {                                                                                              \
        struct store *s = store_conformance_make();                                                \
        store_conformance_##name(s);                                                               \
        store_close(s);                                                                            \
    }
#define STORE_CONFORMANCE(make)                                                                    \
    static struct store *store_conformance_make(void)                                              \
    {                                                                                              \
        return make();                                                                             \
    }                                                                                              \
    STORE_CONFORMANCE_CASES(STORE_CONFORMANCE_TEST)
