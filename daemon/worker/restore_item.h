/* restore_item.h — one artifact on its way back, whatever its kind: the five steps of restore.h
 * under one name. Used by restore.c and undo.c. */
#pragma once

#include "daemon/worker/restore.h"
#include "lib/postgres/tools.h"
#include "lib/tree/tree_swap.h"

enum restore_kind { RESTORE_KIND_TREE, RESTORE_KIND_DB, RESTORE_KIND_FILE, RESTORE_KIND_COMMAND };

struct restore_item {
    const struct manifest_artifact *artifact; /* borrowed */
    enum restore_kind kind;
    char *target; /* owned: of the request */
    struct restore_step step;
    void *state; /* of its kind; NULL before planning */
    struct restore_kept kept;
    bool swapped;
};

/* Which kind brings this artifact back in this mode. */
enum restore_kind restore_item_kind(const struct manifest_artifact *a, enum restore_mode mode);
int must_check restore_item_plan(struct restore_item *i, const struct restore_request *q,
                                 struct err *e);
/* Before staging, and before an artifact is verified (trial): what of it is there already, for set_artifact_use.
 * *ret NULL: nothing. Borrowed. */
int must_check restore_item_present(struct restore_item *i, bool trial,
                                    const struct fetch_present **ret, struct err *e);
int must_check restore_item_stage(struct restore_item *i, restore_read *read, void *arg,
                                  struct err *e);
/* After staging: how much of what was written came from what is there already, chunk by chunk. */
void restore_item_set_parts(struct restore_item *i, uint64_t bytes);
/* DELTA of restore.h; new reference, NULL: there is none. */
json_t *restore_item_delta(const struct restore_item *i);
/* This item goes on with what that run made. */
bool restore_item_resumes(const struct restore_item *i, const char *run);
json_t *restore_item_record(const struct restore_item *i); /* new reference; NULL: no undo */
int must_check restore_item_swap(struct restore_item *i, struct err *e);
/* "replace" took away what was there, and nothing is in its place. */
bool restore_item_is_gone(const struct restore_item *i);
/* Remove what was staged and not swapped in; why: what ended the restore. -1: something of it was left behind, or
 * left to the next restore of the same, as a warning says. */
int must_check restore_item_give_up(struct restore_item *i, enum err_code why);
/* For the "kept" of a record. Nothing if nothing is. */
void restore_item_add_kept(json_t *list, const char *source, const struct restore_kept *k);
/* Undo what the record (restore_record.h) says of one source; `job` for its configuration. What that
 * sets aside is added to the record's "kept". In undo.c. */
int must_check restore_item_undo(struct worker *w, json_t *record, const char *source,
                                 const json_t *job, struct err *e);
void restore_item_deinit(struct restore_item *i); /* gives up what was not swapped */

/* --- a dump or a command's output as a file: restore_file.c --- */
struct restore_file;
int must_check restore_file_plan(const struct restore_request *q, struct restore_step *step,
                                 struct restore_file **ret, struct err *e);
int must_check restore_file_stage(struct restore_file *f, restore_read *read, void *arg,
                                  struct err *e);
const struct fetch_present *restore_file_present(const struct restore_file *f);
int must_check restore_file_give_up(struct restore_file *f, enum err_code why);
int must_check restore_file_swap(struct restore_file *f, struct err *e);
void restore_file_free(struct restore_file *f); /* NULL-safe */

/* --- single tables of a dump: restore_tables.c --- */
/* "the tables a, b" in printable text; owned. */
char *restore_tables_text(const struct strlist *tables);
/* The program that takes them out of this dump. ERR_SOURCE: there is none. */
int must_check restore_tables_find(const struct restore_request *q, struct pg_program *ret,
                                   struct err *e);
/* As SQL text into the regular file fd. ERR_NOT_FOUND names one that the dump does not have. */
struct restore_tables {
    struct worker *worker;
    const struct pg_program *program;
    const struct strlist *tables;
    const char *step;
    uint64_t total; /* bytes of the dump, for progress */
    restore_read *read;
    void *arg;
    uint64_t done;
};
int must_check restore_tables_write(struct restore_tables *t, int fd, struct err *e);

/* --- a command's output to the matching command: restore_command.c; staging is all there is --- */
struct restore_command;
int must_check restore_command_plan(const struct restore_request *q, struct restore_step *step,
                                    struct restore_command **ret, struct err *e);
int must_check restore_command_stage(struct restore_command *c, restore_read *read, void *arg,
                                     struct err *e);
void restore_command_free(struct restore_command *c); /* NULL-safe */

/* Room at the place where `path` is or will be. Leaves the step without when it cannot tell. */
void restore_step_space(struct restore_step *step, const char *path, uint64_t need_bytes);
/* As tree_swap_recover, and says what was undone. */
int must_check restore_step_recover(struct worker *w, const char *path, const char *content,
                                    struct tree_recovered *ret, struct err *e);
/* An empty folder, or none yet: else the refusal. Cut-off restores there are recovered first. besides: so many entries
 * do not count. */
int must_check restore_step_check_empty(struct worker *w, struct restore_step *step,
                                        const char *path, const char *content, uint64_t besides,
                                        struct tree_recovered *ret, struct err *e);
