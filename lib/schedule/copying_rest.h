/* copying_rest.h — what retention would leave of the sets of a destination once more had come there, and
 * nobody held deletion. Used by copying.c only. Pure; n log n in the number of sets. */
#pragma once

#include "lib/schedule/copying.h"

struct copying_rest {
    const char **ids; /* owned, sorted; the texts are those of the sets */
    size_t count;
    const char *latest; /* the newest good one; NULL: none is good */
};

/* The sets that lie at `to` and `more`, which is counted as if it lay there too. */
int must_check copying_rest_ask(const struct copying_input *in, const char *to,
                                const struct set *const *more, size_t more_count,
                                struct copying_rest *ret, struct err *e);
bool copying_rest_has(const struct copying_rest *r, const char *id);
void copying_rest_deinit(struct copying_rest *r); /* NULL-safe */
