/* worker.h — what every verb of synbak-worker is given, and how it reports.
 *
 * A verb is one straight-line blocking function in a file of its own, listed in main.c's table. It
 * reads its job, does its work, reports progress at least every few seconds, and returns its
 * result as a JSON object, or -1 with *e. It never prints. Its messages are in
 * lib/protocol/worker_msg.h. */
#pragma once

#include "lib/base/json.h"
#include "lib/store/waiter.h"

struct worker; /* one per process; safe to report from several threads */

/* Move the run's progress; rate-limited inside, so call it freely. `step` is a short phrase:
 * "dump synapse". total 0: unknown. */
void worker_progress(struct worker *w, const char *step, uint64_t done_bytes, uint64_t total_bytes);
/* WORKER_NOTICE: of interest while it is so. */
enum worker_level { WORKER_INFO, WORKER_NOTICE, WORKER_WARNING };
void worker_log(struct worker *w, enum worker_level level, const char *fmt, ...) printf_like(3, 4);
/* What the key of a repository was stretched to (slots_open), for the workers after this one. Secret: the
 * parent keeps it in memory, if at all. */
void worker_stretched(struct worker *w, const char *destination, const char *text);
/* Restore only: show the plan (lines of printable text) to a person and wait. `replaced` (taken):
 * names of the sources whose present state is replaced, so that it can be copied before the
 * answer. 0: yes. -1: ERR_REFUSED, or ERR_CANCELLED when nobody is there to answer. */
int must_check worker_ask(struct worker *w, const char *text, json_t *replaced, struct err *e);

/* The other side asked us to stop, or is gone: clean up and return ERR_CANCELLED. Long loops ask
 * at least once a second of work. */
bool worker_cancelled(const struct worker *w);
/* For store_stop_reads: the same of a struct worker *. */
bool worker_is_stopped(void *worker);
/* Who waits for the stores that are opened: a person where the job says so (worker_msg.h). */
struct store_waiter worker_waiter(struct worker *w);
/* From here on the work is done whether or not anybody is there to see its end: a confirmed restore
 * must not stop half-way because a terminal hung up. "cancel" still counts. */
void worker_outlive(struct worker *w);

typedef int worker_verb(struct worker *w, const json_t *job, json_t **ret_result, struct err *e);

worker_verb verb_dump, verb_archive, verb_command; /* read one source */
worker_verb verb_commit, verb_scan, verb_verify, verb_prune, verb_mark, verb_adopt, verb_export,
    verb_copy;                                          /* sets */
worker_verb verb_restore, verb_undo, verb_ls, verb_cat; /* bring back, look inside */
worker_verb verb_keys, verb_diff;                       /* repositories */
worker_verb verb_repair;                                /* replicas */
worker_verb verb_changes;                               /* what tracking remembers */
worker_verb verb_hook, verb_ping, verb_check;           /* the rest */
