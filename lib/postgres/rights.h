/* rights.h — what a role lacks for dumping a database whole, or for restoring one, and the
 * statement that grants it. */
#pragma once

#include "lib/postgres/connect.h"

struct pg_rights_finding {
    char *what; /* "role \"synbak\" may not read table public.users (and 11 more)" */
    char *fix;  /* "GRANT pg_read_all_data TO \"synbak\"" */
};
struct pg_rights {
    struct pg_rights_finding *items;
    size_t count;
};

/* Of the database that the connection is in. Skips tables that a pattern of `excluded` matches
 * (shell-style, against NAME and SCHEMA.NAME). Nothing found: count 0. */
int must_check pg_rights_check(struct pg *p, const struct strlist *excluded, struct pg_rights *ret,
                               struct err *e);
/* What stands in the way of making a database again, and, with `present` (else NULL), of putting it
 * in that one's place. */
int must_check pg_rights_check_restore(struct pg *p, const char *present, struct pg_rights *ret,
                                       struct err *e);
void pg_rights_deinit(struct pg_rights *r);
