/* restore.h — making a database again: creating it, loading a dump into it, looking it over. */
#pragma once

#include "lib/postgres/databases.h"
#include "lib/postgres/tools.h"

/* CREATE DATABASE name from template0 with what `like` says. An owner that is not there is
 * ERR_REFUSED, with the statement that makes it; a tablespace that is not there becomes the default
 * one, and *ret_note (owned, else NULL) says so. */
int must_check pg_database_create(struct pg *p, const char *name, const struct pg_database *like,
                                  char **ret_note, struct err *e);

/* Plain bytes of the dump in order; *ret_len 0 is the end. */
typedef int pg_load_read(void *arg, void *data, size_t len, size_t *ret_len, struct err *e);
struct pg_load {
    const struct pg_program *program; /* pg_restore for a custom dump, psql for SQL text */
    bool custom;
    const struct pg_login *login; /* to the new database; NULL: SQL text into output */
    int output;                   /* a regular file, borrowed; counts without login only */
    const struct strlist *tables; /* custom: only these, with their rows and nothing that hangs on
                                   * them; NULL or empty: everything */
    pg_load_read *read;
    void *arg;
    pg_tick *tick; /* about twice a second; true cancels */
    void *tick_arg;
};
/* Stops at the first error. SQL text goes in one transaction. ERR_SOURCE with the last words of the
 * program; what failed in read is passed on. */
int must_check pg_load(const struct pg_load *l, struct err *e);
/* On a connection to the loaded database: each of these is there. ERR_NOT_FOUND: the dump has none such. */
int must_check pg_load_check_tables(struct pg *p, const struct strlist *tables, struct err *e);
/* The same of SQL text that was written. */
int must_check pg_load_check_text(int fd, const struct strlist *tables, struct err *e);

/* On a connection to the loaded database: ANALYZE, then: every index is valid, and there are at
 * least `tables` tables. */
int must_check pg_load_finish(struct pg *p, uint32_t tables, struct err *e);

/* Where the files of a tablespace lie, if this server and role tell: owned, or NULL. */
char *pg_tablespace_place(struct pg *p, const char *tablespace);
