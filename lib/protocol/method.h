/* method.h — the methods of the control socket and the role that each needs (methods.def). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/protocol/control_msg.h"

struct method {
    const char *name;
    enum role role; /* the least that may call it */
    bool changes;   /* journalled with the caller's uid */
};

extern const struct method method_table[];
extern const size_t method_count;

const struct method *method_find(const char *name); /* NULL if there is none */
const char *role_word(enum role role);              /* "none", "view" ... "admin" */
