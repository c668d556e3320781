/* restore.h — the restore verb: its job, and the kinds of things it brings back.
 *
 *   {"verb":"restore","store":STORE | "file":PATH (an export, or a set's folder) with
 *    "key":SECRET|null, "job":NAME,"id":ID,"sources":[NAME] ([]: all),
 *    "mode":"database"|"target"|"in-place","database":NAME,"target":DIR,
 *    "configured":[SOURCE] (in-place and restore_uri),"safety_copy":"done"|"none"|"refuse",
 *    "tables":[NAME] (only these of a custom dump; modes database and target),
 *    "replace":B (drop first, when there is no room for both),
 *    "stop":[..],"start":[..],"check":[..],"state_dir":DIR|null,"run":S,"yes":B}
 *   result {"restored":[{"source","what","where","bytes","kept":KEPT|null,"delta":DELTA|null}],
 *           "undo":S|null,"seconds":N}       KEPT {"place":S,"bytes":N,"remove":S}
 *   DELTA, of trees from a repository: {"stayed":N,"resumed":N,"written":N,"fetched_bytes":N}, N {"files","bytes"}:
 *   files that were the same in place; that an earlier restore of the same had made before it was cut off; all others,
 *   with the bytes written for them, and how many of these were read from the repository
 *   undo null: there is nothing to go back to, or no state folder for a record
 *
 *   {"verb":"undo","run":S,"state_dir":DIR|null,"target":DIR|null,"configured":[SOURCE]}
 *   result {"undone":[{"source","what"}],"kept":[{"source","place","bytes","remove"}]}
 *
 * Order: read and verify the manifest; plan (what comes, what is replaced, space, time); ask;
 * verify every byte of what will be used before anything is replaced; stop; write the record;
 * stage every item (databases before files, small trees such as keys and secrets before all);
 * complete the record; swap every item; start; check. A failure before the first swap leaves all as it was; one during
 * the swaps undoes those that were made. `start` runs in every case. */
#pragma once

#include "daemon/worker/set_reader.h"
#include "daemon/worker/worker.h"
#include "lib/plain/manifest.h"

/* What was there before and is kept aside: where, how large, and the command that removes it. */
struct restore_kept {
    char *place, *remove; /* owned; place NULL: nothing is kept */
    uint64_t bytes;
};
void restore_kept_deinit(struct restore_kept *k); /* NULL-safe */

enum restore_mode { RESTORE_TARGET, RESTORE_IN_PLACE, RESTORE_DATABASE };

/* What restore.c gives to the plan of one artifact; all borrowed, all outlive the step. */
struct restore_request {
    struct worker *worker;
    enum restore_mode mode;
    const struct manifest_artifact *artifact;
    const json_t *source;  /* SOURCE as configured, or NULL: then artifact->details must do */
    const char *target;    /* RESTORE_TARGET: the place of this artifact; else NULL */
    const char *database;  /* RESTORE_DATABASE: the new database's name; else NULL */
    const char *uri;       /* RESTORE_DATABASE without a configuration: "uri" of the job, or NULL */
    const char *run;       /* the restore's own id: names of what is kept are made from it */
    const char *state_dir; /* or NULL */
    bool drop_first;       /* "replace":true */
    const struct strlist *tables; /* only these of a dump; empty: everything */
    struct set_reader *set;       /* what the artifact belongs to */
};

/* One artifact's part of the plan, made before anything changes. The texts are one line each. */
struct restore_step {
    char *what;  /* "database synapse: 8 tables, 1.1 GB" */
    char *where; /* "database \"synapse\" at /run/postgresql" | "/srv/media" */
    char
        *replaces; /* what is there now and goes aside: "database synapse, 900 MB"; NULL: nothing */
    char *stays;   /* what of that needs no replacing, or NULL */
    char *resumes; /* what was made by a restore that was cut off, or NULL */
    char *note;    /* what else is to be known beforehand, or NULL */
    char *refusal; /* why it cannot be done as asked, and what to do; NULL: it can */
    uint64_t need_bytes, free_bytes; /* where it is staged; free 0 with need 0: not known */
    uint64_t file_system;            /* st_dev of the staging place, 0: not known (a server's) */
};
void restore_step_deinit(struct restore_step *s); /* NULL-safe */

/* Plain bytes of the artifact in order, verified as they come; *ret_len 0 is the verified end. */
typedef int restore_read(void *arg, void *data, size_t len, size_t *ret_len, struct err *e);

/* --- databases: daemon/worker/restore_database.c over lib/postgres ---
 * Artifact kinds "dump", "sql" and "globals"; modes RESTORE_DATABASE and RESTORE_IN_PLACE (in
 * RESTORE_TARGET a dump is a file, which is restore.c's own work).
 *
 *   plan -> stage -> record -> swap -> free          free alone at any point gives up */
struct restore_database;
/* Look, change nothing. Fails only when it cannot look (server away); what it finds wrong is
 * step->refusal. */
int must_check restore_database_plan(const struct restore_request *q, struct restore_step *step,
                                     struct restore_database **ret, struct err *e);
/* Load into a new database beside the present one (its own name in RESTORE_DATABASE), ANALYZE and
 * check it. With drop_first the present one goes first. Nothing else that exists changes. */
int must_check restore_database_stage(struct restore_database *d, restore_read *read, void *arg,
                                      struct err *e);
/* What undo and a later crash recovery need: an object, written durably before stage is called, and
 * again, then complete, before swap is. It holds no secret: names and the source's name, never a URI with a password. New reference;
 * NULL for globals, whose roles stay. */
json_t *restore_database_record(const struct restore_database *d);
/* Put the staged one in place of the present one. On failure the present one is back and open. */
int must_check restore_database_swap(struct restore_database *d, struct restore_kept *ret_kept,
                                     struct err *e);
/* drop_first took the present one away, and no other is in its place. */
bool restore_database_is_gone(const struct restore_database *d);
/* A staged database that was not swapped in is dropped. -1: it was left behind, as a warning says.
 */
int must_check restore_database_give_up(struct restore_database *d);
/* Gives up what was not. NULL-safe. */
void restore_database_free(struct restore_database *d);
/* Bring the record's earlier state back, whether or not the swap was done; doing it twice is
 * harmless. `source` is the SOURCE as configured now, or NULL; `uri` the job's, or NULL. *ret_kept:
 * the restored database, which is set aside. */
int must_check restore_database_undo(struct worker *w, const json_t *record, const json_t *source,
                                     const char *uri, struct restore_kept *ret_kept, struct err *e);

/* --- file trees: daemon/worker/restore_tree.c over lib/tree/tree_*.h; the same life --- */
struct restore_tree;
int must_check restore_tree_plan(const struct restore_request *q, struct restore_step *step,
                                 struct restore_tree **ret, struct err *e);
/* The five that have no counterpart there: as those of restore_item.h. */
int must_check restore_tree_present(struct restore_tree *t, bool trial,
                                    const struct fetch_present **ret, struct err *e);
void restore_tree_set_parts(struct restore_tree *t, uint64_t bytes);
json_t *restore_tree_delta(const struct restore_tree *t);
bool restore_tree_resumes(const struct restore_tree *t, const char *run);
int must_check restore_tree_give_up(struct restore_tree *t, enum err_code why);
int must_check restore_tree_stage(struct restore_tree *t, restore_read *read, void *arg,
                                  struct err *e);
json_t *restore_tree_record(const struct restore_tree *t);
int must_check restore_tree_swap(struct restore_tree *t, struct restore_kept *ret_kept,
                                 struct err *e);
bool restore_tree_is_gone(const struct restore_tree *t); /* as restore_database_is_gone */
void restore_tree_free(struct restore_tree *t);
int must_check restore_tree_undo(struct worker *w, const json_t *record, struct err *e);
