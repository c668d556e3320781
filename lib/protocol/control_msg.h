/* control_msg.h — what synbakctl and synbakd say to each other: JSON-RPC 2.0 in frames (frame.h,
 * at most 1 MiB from the client, 16 MiB from the daemon) over a Unix stream socket.
 *
 *   S -> C  {"synbak":"0.1.0","protocol":1}                       on connecting
 *   C -> S  {"jsonrpc":"2.0","id":N,"method":M,"params":{...}}
 *   S -> C  {"jsonrpc":"2.0","id":N,"result":{...}}
 *           {"jsonrpc":"2.0","id":N,"error":{"code":-32000,"message":S,"data":{"code":WORD}}}
 *           {"jsonrpc":"2.0","method":"progress","params":{...}}  to a client that waits or follows
 *
 * The peer is known by SO_PEERCRED (and its groups); each method needs a role; default deny. Every
 * change is journalled with the caller's uid and the optional param "reason".
 *
 * METHODS: name (role), params (? optional), result. Times are ISO 8601, UTC.
 *
 * status (view) job?
 *     level: 0 ok, 1 warning, 2 critical; jobs: [JOBSTATUS]; problems: [{level, text}];
 *     destinations: [{name, place, free_bytes, total_bytes, listed, problem or null, encrypted,
 *     repository: B, key_alone: B (a repository that only this installation's key opens)}];
 *     of each destination also unread_s (every byte there was read within so many seconds; null: nothing to read),
 *     verify_within_s (0: not read by the clock);
 *     kept: [{what, bytes, command}] that restores set aside; clock_in_doubt; version; started
 * list (view) job?, destination?, after?  sets: [SETSTATUS], at most 1000; next: "after" of the call
 *     for those that follow, {job, id, destination}, or null
 * show (view) job, id                     sets: [SETSTATUS], one for each destination
 * schedule (view) job?, count             jobs: [{job, timezone, due: [{at, tiers}]}]
 * explain (view) job, id                  lines: [{destination, why}]
 * log (view) job?, after, count           records: [RECORD], last
 * wait (view) run, copies?
 *     "progress" notifications {run, step, done, total}, with destination too where steps go on
 *     side by side, then run, outcome, code, job, id, place, bytes, error, problems, destinations: [{destination, ok, bytes, error, code, copied: it came
 *     by copy}], restore: the command that brings the set back. With copies: true it also waits
 *     until the set has been copied to every destination that is owed it, or a copy has failed
 *     once, or is late, or its destination is away: then that one's ok is false
 *
 * trigger (operate) job, tier?, sources?, destinations?, local_only?, pin?, reason?      run
 *     destinations, local_only: the set stays where it is made, it is never copied by itself
 * copy (operate) job, id?, destination, from?, wait?
 *     starts the copy, or joins the one that is waiting or going on; id: "latest" if left out;
 *     from: chosen if left out. Answered at once, or with wait: true when it is over, after
 *     "progress" notifications {job, id, destination, step, done, total}; a failure is an error.
 *     job, id, destination, from, state: "there" (it lay there already), "waiting" or "copying"
 *     (not with wait) or "copied", bytes: stored there, sent_bytes, reencrypted
 * verify (operate) job?, id?, destination?                                   run
 * cancel (operate) run                    {}
 * pause (operate) job, until?             {}
 * resume (operate) job                    {}
 * pin (operate) job, id, reason?, until?  {}
 * accept (operate) job, id                {}
 * hold (operate) job                      {}
 * rescan (operate) destination?           sets, failed: [{destination, error}]
 *
 * restore-begin (restore) job, id?, destination?, purpose
 *     token, config_file, job, id, destination, elsewhere: [the others that hold it, the nearest
 *     first], owner, store: STORE of worker_msg.h, its secrets, key and old_keys to uid 0 only. Until restore-end, or until the connection closes: a read
 *     pin on the set, the job's schedule paused, no deletion
 * restore-worker (restore) token, pid     {}; of the process that does the work: from now on the
 *     pin ends with restore-end, or when that process has ended, whatever became of its caller
 * restore-end (restore) token, ok, error?, summary                           {}
 * restore-undone (restore) undone: the restore's run, ok, error?, reason?    {}
 * pre-restore (restore) job, sources, token                                  run
 *
 * changes (restore) job, since?: ID      the result of worker_msg.h
 *
 * prune (admin) job?, dry_run             jobs: [{job, destination, remove: [{id, why}], capped,
 *                                         deletes: B (no: what goes is left there)}]
 * unpin (admin) job, id                   {}
 * release (admin) job                     {}
 * adopt (admin) destination               {}    once it was looked at
 * keys-changed (admin) destination, change, slot?, kind?, generation?    {}    what a worker of the caller's
 *                      did there, for the journal
 * clock-accept (admin)                    {}
 * reload (admin)                          files: [..]
 *
 * JOBSTATUS  name, level, recoverable_until or null, grade: "written" or "verified", latest: id
 *            or null, latest_bytes, next or null, next_tiers, running: {run, kind, step, done,
 *            total, since} or null, queued: [{run, why, since, waits_for}], paused, paused_until,
 *            held, owed, last_run: {run, outcome, code, finished, error, bytes, duration_s} or
 *            null, sets: number, skipped, problems: [text], retry_at or null, destinations:
 *            [JOBDESTINATION]
 * JOBDESTINATION  destination, feed: "live" or "copy", newest: id of its newest good set or null,
 *            newest_at, remembered: B (it has not been listed since start: newest is what came there
 *            last as far as the journal tells, lacks is not known), lacks: sets owed to it, late: B (one of them for longer than copy_within),
 *            copying: {id, from, step, done, total, bytes_per_second, eta_s or null, since} or
 *            null, failed: {id, code, error, failures, retry_at} or null
 * SETSTATUS  job, id, destination, sequence, tiers, state, bytes, started, finished, verified or
 *            null, pinned, pin_reason, pin_until, place, problems,
 *            sources: [{name, type, whole, stored_bytes, raw_bytes}]
 * RECORD     a journal record as it stands (lib/journal/journal.h, daemon/record.h)
 */
#pragma once

#include "lib/protocol/frame.h"

enum { CONTROL_REQUEST_MAX = 1 << 20, CONTROL_REPLY_MAX = 16 << 20, CONTROL_PROTOCOL = 1 };

enum role { ROLE_NONE, ROLE_VIEW, ROLE_OPERATE, ROLE_RESTORE, ROLE_ADMIN };
