/* pg_source.h — the SOURCE piece of a job (worker_msg.h) of type postgresql, and the wishes that
 * dump, check and restore share. */
#pragma once

#include "lib/base/json.h"
#include "lib/postgres/connect.h"

struct pg_source { /* texts are borrowed from the job, lists are owned */
    const char *name, *uri, *restore_uri;
    struct strlist databases, exclude_databases, exclude_tables, exclude_table_data, schemas;
    bool schema_only, globals, custom;
    const char *bin_dir; /* or NULL */
    int64_t lock_timeout_s;
};

int must_check pg_source_read(const json_t *source, struct pg_source *ret, struct err *e);
void pg_source_deinit(struct pg_source *s);

/* The databases that the source means, of those on the server: "*" minus the excluded ones, the
 * names given, or that of the URI. p: any connection to the server. ERR_SOURCE when that is none.
 * *ret_skipped: those that "*" leaves out without being told to (pg_database_list). */
int must_check pg_source_databases(const struct pg_source *s, struct pg *p, struct strlist *ret,
                                   struct strlist *ret_skipped, struct err *e);
/* A connection to look around with: to the URI's database or to the first one named; for "*", where
 * the URI's is not there, to postgres. */
int must_check pg_source_open(const struct pg_source *s, struct pg **ret, struct err *e);
