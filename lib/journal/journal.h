/* journal.h — the daemon's write-ahead log: one JSON record a line, each with sequence number,
 * time and the hash of the one before; fsynced before the state it tells of is believed.
 *
 *   STATE/journal/00000000000000000001.log ...     named by their first record's number
 *   {"seq":N,"time":ISO8601,"prev":HEX64,"type":"run-started",...}\n
 *
 * prev is the SHA-256 of the line before without its newline (64 zeros for the first ever). Records
 * appended together also have "batch":[first,last] and count only together. A checkpoint record
 * starts each new segment and holds all that replay needs from before it. A torn last line is cut
 * off at open, with a note; a broken chain elsewhere is ERR_DAMAGED naming segment and line.
 * Segments older than a year are deleted by journal_expire, never edited. Blocking; one thread. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/json.h"

struct journal;

/* Called for each record in order from the newest checkpoint on; return < 0 to stop with *e. */
typedef int journal_replay_cb(void *arg, const json_t *record, struct err *e);

/* Opens or creates STATE_DIR/journal; takes a lock (flock) on STATE_DIR/lock: ERR_REFUSED
 * "another synbakd uses STATE_DIR" if it is held. */
int must_check journal_open(const char *state_dir, struct journal **ret, journal_replay_cb *cb,
                            void *arg, struct err *e);
void journal_close(struct journal *j);
int64_t journal_sequence(const struct journal *j);      /* of the last record */
struct wall journal_last_time(const struct journal *j); /* of the last record; us == 0 if none */

/* What was cut off at open, one sentence for the log, or NULL. Lives as long as j. */
const char *journal_note(const struct journal *j);

/* Append a batch with one write and one fsync. Each element is an object with "type"; seq, time and
 * prev are added (in place). When it fails nothing of the batch may be believed, and the
 * journal must be closed: a failed fsync is never retried (the pages may be gone). */
int must_check journal_append(struct journal *j, json_t *const *records, size_t count,
                              struct wall now, struct err *e);
/* Begin a new segment whose first record is this checkpoint, an object with "type". Due when
 * journal_wants_checkpoint. */
int must_check journal_checkpoint(struct journal *j, json_t *state, struct wall now, struct err *e);
bool journal_wants_checkpoint(const struct journal *j); /* segment over 1 MiB, or over a day old */
int must_check journal_expire(struct journal *j, struct wall now, struct err *e);

/* Read the records with seq > after in order, for `synbakctl log` and audits; verifies the chain.
 * Takes no lock; may run beside the daemon in another thread or process. */
int must_check journal_read(const char *state_dir, int64_t after, journal_replay_cb *cb, void *arg,
                            struct err *e);
/* The `after` with which journal_read reads the newest `segments` segments alone; 0: that is all.
 * A year of journal must not be read for its last lines. */
int must_check journal_tail(const char *state_dir, size_t segments, int64_t *ret_after,
                            struct err *e);
