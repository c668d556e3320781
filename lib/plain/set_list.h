/* set_list.h — what lies at a destination in the plain format: jobs, and the sets of each. */
#pragma once

#include "lib/base/str.h"
#include "lib/store/store.h"

struct set_entry {
    char id[32];
    bool folder; /* it has objects; whether it is a set, its manifest.json says (set_fetch.h) */
    bool marked; /* it has marks */
};

/* Folders at the root that could be jobs. */
int must_check set_list_jobs(struct store *s, struct strlist *ret, struct err *e);
/* In the order of their ids; owned by the caller (free). */
int must_check set_list(struct store *s, const char *job, struct set_entry **ret, size_t *ret_count,
                        struct err *e);
/* When anything below prefix was last written; us 0: there is nothing. */
int must_check set_list_newest(struct store *s, const char *prefix, struct wall *ret,
                               struct err *e);
