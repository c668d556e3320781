/* together.h — a few blocking calls at once, where each of them mostly waits: for a round trip. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum { TOGETHER_MAX = 8 };

struct together {
    int (*call)(void *arg, struct err *e);
    void *arg;
    int rc; /* what it returned; -1 with ERR_CANCELLED: it was not made */
    struct err error;
};

/* 0 when all return 0; else the error of the first that did not, in their order. at_once: each in a
 * thread of its own (where there is one to be had), and all come to their end. Otherwise one after the
 * other until one returns something else than 0. At most TOGETHER_MAX. */
int must_check together_run(struct together *calls, size_t count, bool at_once, struct err *e);
