/* restore_database.h — the state of one database on its way back; for restore_database.c (staging,
 * swap, undo) and restore_database_plan.c (the look beforehand) only. */
#pragma once

#include "daemon/worker/pg_source.h"
#include "daemon/worker/restore.h"
#include "daemon/worker/restore_names.h"
#include "lib/postgres/restore.h"

struct restore_database {
    struct worker *worker;
    bool globals, custom, drop_first;
    char *source, *uri, *bin_dir; /* bin_dir NULL: the usual places */
    struct db_names names;
    struct pg_database like;    /* what the new one is made after */
    json_t *properties;         /* of the dump's database, or NULL */
    uint32_t tables;            /* with data in the dump; 0: not known */
    const struct strlist *only; /* tables that are wanted; empty: everything */
    int dump_version;           /* server_version_num at the time of the dump */
    struct pg_program program;
    bool staged, swapped;
    uint64_t fed_bytes;
    restore_read *read;
    void *read_arg;
};

/* A connection to a database that is not the one to be renamed; its waits report progress and
 * notice that we are cancelled. */
int must_check restore_database_open(struct restore_database *d, struct pg **ret, struct err *e);
