/* record.h — the journal's records: their types, and what each holds beside seq, time, prev, type.
 *
 *   started              version
 *   stopped              failed? (the journal could not be written, or the like)
 *   job-known, job-gone  job: seen in the configuration for the first time; not any more
 *   run-queued           run, job, kind, tiers, retry, fragment, why, sources?, destinations?,
 *                        pin?, reason?, uid?
 *   run-started          run, job, kind, tiers, fragment
 *   set-begun            run, job, id, sequence: neither is ever given out again
 *   run-result           run, job, outcome, code, error, id, sequence, bytes, destinations
 *   run-finished         as run-result, and tiers, kind, fragment, started, duration_s, problems,
 *                        asked: an operator cancelled it
 *   run-skipped          job, tiers, why
 *   queue-alarm          run, job, why
 *   cancel-asked         asked_run, uid, reason
 *   prune-asked          job?, uid, reason
 *   paused               job, until, uid, reason
 *   resumed              job, uid, reason
 *   held, released       job, uid, reason
 *   pinned, unpinned, accepted   job, id, uid, reason
 *   prune-begun          job, destination, remove: [{id, why}], before anything is deleted
 *   pruned               job, destination, removed, failed, freed_bytes, trash_bytes
 *   copy-asked           job, id, destination, uid, reason
 *   copied               job, id, destination, from, bytes, sent_bytes, reencrypted, duration_s
 *   copy-failed          job, id, destination, from, code, error, failures, duration_s
 *   verified             job, destination, id, ok, error
 *   read                 run, destination, from, to, since: that part of the repository's packs was
 *                        read again (repositories.h)
 *   destination-known    destination, marker_id
 *   heads                destination, writer, pruner: the newest records of a repository's logs
 *   tracked              job, numbers: {REPOSITORY: {SOURCE: number}}, after the set was committed
 *   adopted              destination, marker_id, uid, reason
 *   keys-changed         destination, change, slot?, kind?, generation?, uid: who may open its repository
 *   clock-in-doubt       why
 *   clock-trusted        why, uid?
 *   reloaded             files, uid
 *   reload-refused       error, uid
 *   restore-begun        job, id, destination, purpose, uid
 *   restore-ended        job, ok, error, summary
 *   restore-undone       undone: the restore's run, ok, error, uid, reason
 *   checkpoint           records, sequences, verified, repositories, run: the highest number
 *                        (history.c)
 *
 * The record_* functions return a new reference for journal_writer_post. */
#pragma once

#include "lib/base/json.h"
#include "lib/schedule/planner.h"

#define RECORD_STARTED           "started"
#define RECORD_STOPPED           "stopped"
#define RECORD_JOB_KNOWN         "job-known"
#define RECORD_JOB_GONE          "job-gone"
#define RECORD_RUN_QUEUED        "run-queued"
#define RECORD_RUN_STARTED       "run-started"
#define RECORD_SET_BEGUN         "set-begun"
#define RECORD_RUN_RESULT        "run-result"
#define RECORD_RUN_FINISHED      "run-finished"
#define RECORD_RUN_SKIPPED       "run-skipped"
#define RECORD_QUEUE_ALARM       "queue-alarm"
#define RECORD_CANCEL_ASKED      "cancel-asked"
#define RECORD_PRUNE_ASKED       "prune-asked"
#define RECORD_PAUSED            "paused"
#define RECORD_RESUMED           "resumed"
#define RECORD_HELD              "held"
#define RECORD_RELEASED          "released"
#define RECORD_PINNED            "pinned"
#define RECORD_UNPINNED          "unpinned"
#define RECORD_ACCEPTED          "accepted"
#define RECORD_PRUNE_BEGUN       "prune-begun"
#define RECORD_PRUNED            "pruned"
#define RECORD_COPY_ASKED        "copy-asked"
#define RECORD_COPIED            "copied"
#define RECORD_COPY_FAILED       "copy-failed"
#define RECORD_VERIFIED          "verified"
#define RECORD_READ              "read"
#define RECORD_DESTINATION_KNOWN "destination-known"
#define RECORD_HEADS             "heads"
#define RECORD_TRACKED           "tracked"
#define RECORD_ADOPTED           "adopted"
#define RECORD_KEYS_CHANGED      "keys-changed"
#define RECORD_CLOCK_IN_DOUBT    "clock-in-doubt"
#define RECORD_CLOCK_TRUSTED     "clock-trusted"
#define RECORD_RELOADED          "reloaded"
#define RECORD_RELOAD_REFUSED    "reload-refused"
#define RECORD_RESTORE_BEGUN     "restore-begun"
#define RECORD_RESTORE_ENDED     "restore-ended"
#define RECORD_RESTORE_UNDONE    "restore-undone"
#define RECORD_CHECKPOINT        "checkpoint"

const char *record_kind_word(enum run_kind kind);      /* "backup", "verify", "pre-restore" */
enum run_kind record_kind_from_word(const char *word); /* unknown: RUN_BACKUP */

/* details (borrowed, may be NULL): what a trigger asked for; its members are merged in. */
json_t *record_run_queued(const struct action *a, const json_t *details);
json_t *record_run_started(const struct action *a);
json_t *record_run_dropped(const struct action *a); /* run-finished, cancelled before it started */
json_t *record_skipped(const struct action *a);
json_t *record_queue_alarm(const struct action *a);
