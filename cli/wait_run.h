/* wait_run.h — waiting for a run of the daemon's, and what its outcome means. */
#pragma once

#include "cli/cli.h"

/* Call a method that answers when something is over, and show its progress. Takes params. 0: *ret is
 * the result (new reference). 1: Ctrl-C; what was asked for goes on. -1: the daemon's error. */
int must_check wait_for_answer(struct cli *c, const char *method, json_t *params, json_t **ret,
                               struct err *e);
/* Follow run until it ends, and if `copies` until its set has been copied where it is owed: *ret is
 * the result of "wait" (new reference). -1: ERR_CANCELLED after Ctrl-C (the run goes on), or the
 * daemon's error. */
int must_check wait_for_run(struct cli *c, int64_t run, bool copies, json_t **ret, struct err *e);
/* The exit status of an outcome: 0 good, 3 incomplete or suspect, 4 late, 130 cancelled, else 1. */
int wait_exit_status(const json_t *result);
/* What a verification that was good or not is called: one that read nothing has looked at names and lists. */
const char *verify_word(bool good, int64_t bytes);
#define VERIFY_HINT "every byte of a repository is read with: synbakctl verify --data"
/* Say how it ended: id, places, total and the restore command, or the error. */
void wait_print_backup(const struct screen *s, const char *job, const json_t *result);
