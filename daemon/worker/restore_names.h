/* restore_names.h — the up to three databases of one restore: the present one, the staged one, and
 * what the present one is called once it is aside. They are known by oid, which renames keep. */
#pragma once

#include "lib/base/json.h"
#include "lib/postgres/connect.h"

struct db_names {
    char *name, *staged, *aside, *undone;
    bool must_be_new;                 /* restore into a new name: no present one is accepted */
    uint32_t present_oid, staged_oid; /* 0: there is none */
    bool dropped;                     /* the present one was dropped to make room, or may be */
    uint64_t present_bytes;
};

void db_names_make(struct db_names *n, const char *name, const char *run, bool must_be_new);
void db_names_deinit(struct db_names *n);
json_t *db_names_to_json(const struct db_names *n); /* new reference */
int must_check db_names_from_json(const json_t *o, struct db_names *ret, struct err *e);

/* A database to be connected to while these are renamed. */
const char *db_names_maintenance(const struct db_names *n);

int must_check db_names_find_present(struct db_names *n, struct pg *p, struct err *e);
int must_check db_names_find_staged(struct db_names *n, struct pg *p, struct err *e);
/* What the role lacks, or stands in the way of a swap, as a sentence in *ret_refusal (owned). */
int must_check db_names_check_rights(const struct db_names *n, struct pg *p, bool replaces,
                                     char **ret_refusal, struct err *e);

enum db_state {
    DB_STAGED,  /* the staged one still has its side name */
    DB_SWAPPED, /* it carries the name */
    DB_GONE,    /* it is nowhere, or was set aside by an undo */
    DB_UNKNOWN, /* the server did not tell: *e */
};
enum db_state db_names_state(const struct db_names *n, struct pg *p, struct err *e);

/* Drop the staged one, if it still has its side name and its oid (if that is known already). */
int must_check db_names_drop_staged(const struct db_names *n, struct pg *p, struct err *e);
/* Bring the earlier state back; harmless when it is there. *ret_kept: the restored one was set aside
 * as n->undone on the way. */
int must_check db_names_undo(const struct db_names *n, struct pg *p, bool *ret_kept, struct err *e);
/* The present one was dropped to make room, and nothing bears its name. */
bool db_names_lost(const struct db_names *n, struct pg *p);
/* The shell command that removes one of them; owned. */
char *db_names_drop_command(const char *name, struct pg *p);
