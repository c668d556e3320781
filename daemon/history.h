/* history.h — what of the journal still matters: the records that a restart needs, in order.
 *
 * Every durable record passes through history_note(), at replay and while running, so a checkpoint
 * is simply what is kept. Kept are: when a job was first seen, all of runs not yet
 * finished, of each job the newest good run of each tier and the failures since, pauses, holds,
 * destination markers, the newest good set that came to each destination of a job, the highest sequence numbers, verification results, doubt about the
 * clock. Record types: daemon/record.h. Pure memory. */
#pragma once

#include "daemon/catalog.h"
#include "daemon/repositories.h"
#include "lib/schedule/planner.h"

struct history;

struct history *history_new(struct catalog *catalog); /* borrows it; feeds markers, sequences */
void history_free(struct history *h);
void history_note(struct history *h, json_t *record); /* keeps a reference if it matters */
json_t *history_checkpoint(const struct history *h);  /* new reference, with "type" */

/* Tell a fresh planner, which has its configuration, what happened before. Jobs and runs that it
 * does not know any more are left out. */
int must_check history_feed(const struct history *h, struct planner *p, struct err *e);

/* Borrowed until the next history_note; NULL if there is none. */
const json_t *history_run_record(const struct history *h, int64_t run, const char *type);
/* run-finished of the last backup that was begun */
const json_t *history_last_run(const struct history *h, const char *job);
const json_t *history_last_verify(const struct history *h, const char *job); /* likewise */
/* Id of the newest good set that was committed there or copied there, as far as the journal tells, for
 * a destination that cannot be asked: deletions there are not looked at. NULL: none is known. */
const char *history_last_at(const struct history *h, const char *job, const char *destination);
bool history_is_held(const struct history *h, const char *job);
bool history_knows_job(const struct history *h, const char *job);
/* The nth job that is known and not in the configuration; NULL behind the last. */
const char *history_stray_job(const struct history *h, const struct config *c, size_t n);
/* The nth run that was queued or started and has not finished; 0 behind the last. */
int64_t history_open_run(const struct history *h, size_t n);
/* What is remembered of repositories; borrowed. */
const struct repositories *history_repositories(const struct history *h);
/* The newest record about doubt in the clock, or NULL. */
const json_t *history_clock(const struct history *h);
