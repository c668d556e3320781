/* databases.h — what a server says of its databases, and what a dump must remember of one so that
 * it can be made again. */
#pragma once

#include "lib/base/json.h"
#include "lib/postgres/connect.h"

struct pg_database {
    char *name, *owner, *encoding, *collate, *ctype;
    char *provider; /* "libc", "icu", "builtin" */
    char *locale;   /* of icu and builtin, else NULL */
    char *tablespace;
    uint64_t bytes;
    bool allow_connections;
};

/* Those that a dump of everything means: connections allowed, no templates; sorted by name. What
 * bears the name that a restore gives to a database on its way (NAME_synbak_new_RUN) is no
 * database of its own: it is in *ret_skipped. */
int must_check pg_database_list(struct pg *p, struct strlist *ret, struct strlist *ret_skipped,
                                struct err *e);
/* 1: there is none of that name. Sizes need CONNECT or pg_read_all_stats; else 0. */
int must_check pg_database_get(struct pg *p, const char *name, struct pg_database *ret,
                               struct err *e);
void pg_database_deinit(struct pg_database *d); /* NULL-safe on members */

/* Names change, oids stay. 1: there is none. */
int must_check pg_database_oid(struct pg *p, const char *name, uint32_t *ret, struct err *e);
int must_check pg_database_of_oid(struct pg *p, uint32_t oid, char **ret_name, struct err *e);

json_t *pg_database_to_json(const struct pg_database *d); /* new reference */
int must_check pg_database_from_json(const json_t *o, struct pg_database *ret,
                                     struct err *e); /* strict: hostile input */

/* Names beside a present database, in 63 bytes: NAME_synbak_WHAT_ID, the name cut at a character
 * if need be. Owned. */
char *pg_side_name(const char *name, const char *what, const char *id);
