/* worker_msg.h — what synbakd or synbakctl and synbak-worker say to each other over fd 3.
 *
 * Frames: u32 big-endian length (1 .. 16 MiB), then one JSON object. fd 3 is a Unix stream
 * socket.
 *
 *   parent -> worker  {"type":"job","verb":VERB, ...}            once, first; may hold secrets;
 *                     "person_waits":true (from synbakctl, and scans): a far place that is not there is soon given
 *                     up (lib/store/waiter.h)
 *                     {"type":"cancel"}                          or end of file: stop and clean up
 *   worker -> parent  {"type":"progress","step":S,"done":N,"total":N}     total 0: unknown
 *                     {"type":"log","level":"info"|"notice"|"warning","text":S}
 *                     {"type":"stretched","destination":NAME,"text":SECRET}  for the STOREs to come
 *                     {"type":"ask","text":S,"replaced":[SOURCE's NAME]}   restore only: show the
 *                     plan (lines), copy what is there of these, wait for "answer"
 *   parent -> worker  {"type":"answer","yes":BOOL}
 *   worker -> parent  {"type":"result","ok":true,"result":{...}}          once, last; exit 0
 *                     {"type":"result","ok":false,"code":WORD,"error":S}  exit err_exit_status
 *
 * Exit 0 without a result is a failure, and so is a result with another exit status.
 *
 * Shared pieces of jobs (built by lib/protocol/job.h from the configuration):
 *   STORE   {"destination":NAME,"type":TYPE,"owner":HEX32,"known_id":HEX32|null,
 *            "key":SECRET|null (null: key = none),"key_hint":"file:/etc/synbak/key",
 *            "old_keys":[SECRET..],"warn_free_percent":N (0: never),
 *            "format":"plain"|"repository"|"any" (what lies there says),
 *            plain: "gzip":BOOL,"level":N,"volume_bytes":N; repository: "repository":NAME,
 *            "cache_dir":P|null,"known_writer":HEAD|null,"known_pruner":HEAD|null,"trash_s":N,
 *            "newest":{"writer":N,"pruner":N} (records that some replica of it was seen to have),
 *            "stretched":SECRET|null (what a worker said of this destination and key);
 *            and of TYPE
 *            "directory"  "path":P
 *            "s3"    "endpoint":URL,"region":S,"bucket":S,"prefix":S,"style":"path"|"virtual",
 *                    "access_key":SECRET,"secret_key":SECRET,"session_token":SECRET|null,
 *                    "ca_file":P|null,"insecure":B,"storage_class":S|null,"encryption":S|null,
 *                    "encryption_key_id":S|null,"lock_s":N,"lock_mode":"compliance"|"governance",
 *                    "parallel":N,"full_readback":B,"upload_rate":RATE
 *            "sftp"  "host":S,"port":N,"user":S,"path":S,"private_key":SECRET|null (null: agent),
 *                    "passphrase":SECRET|null,"known_hosts":P,"parallel":N,"upload_rate":RATE}
 *           "unreadable":S (optional): why its secrets are not there; it is reported as failed
 *   HEAD    "N:HEX64", the newest record of a log: its number and its hash
 *   HEADS   {"writer":HEAD,"pruner":HEAD}
 *   RATE    [{"from":SECONDS since 1970,"bytes_per_second":N (0: no bound)}..] in order; [] no bound
 *   SOURCE
 * {"name":S,"type":"postgresql","uri":S,"restore_uri":S,"databases":[..],"exclude_databases":[..],
 *            "exclude_tables":[..],"exclude_table_data":[..],"schemas":[..],"schema_only":B,"globals":B,
 *            "format":"custom"|"plain","bin_dir":S|null,"lock_timeout_s":N}
 *           {"name":S,"type":"files","path":S,"include":[..],"exclude":[..],"one_file_system":B,
 *            "xattrs":B,"allow_empty":B,"had_files":B (a good set of it holds files)}
 *           {"name":S,"type":"command","command":[..],"restore_command":[..]}
 *   ARTIFACT as in manifest.json (docs/plain-format.md): what manifest_artifact holds; that of a
 *            repository as docs/repository-format.md says, with "list" in the place of volumes and segments
 *   SET {"id","sequence","tiers":[..],"reason","started","finished","incomplete":B,"fragment":B,
 *            "sources":[{"name","type","whole":B,"stored_bytes","raw_bytes"}],
 *            "pinned":B,"pin_until":ISO|null,"pin_reason","accepted":B,"key_id",
 *            "stays":B (made for some destinations only: never copied by itself),
 *            "shares":B (in a repository: stored_bytes are what it added)}
 *
 * VERBS, each with the members of its job and of its result:
 *
 * dump, archive, command  read one source
 *   job     job, id, source:SOURCE, stores:[STORE], threads, host,
 *           tracking:{REPOSITORY:{dir:P, number:N}} (what it was like at set N of this source; 0: nothing is
 *           known; left out: nothing is to be remembered)
 *   result  destinations:[{destination:NAME, ok:B, error:S, code:WORD, artifacts:[ARTIFACT]}],
 *           whole:B, problems:[S], raw_bytes:N, files:N,
 *           tracking:{REPOSITORY:N} (the number that counts once the set is committed there)
 * commit
 *   job     job, id, sequence, tiers, reason, started, fragment, stays, host, stores:[STORE],
 *           sources:[{name, type, whole, problems, artifacts:{DESTINATION:[ARTIFACT]}}]
 *   result  destinations:[{destination, ok, error, code, marker_id:HEX32, stored_bytes:N,
 *           heads:HEADS, recovery_slot:B, may_read:B (repository; without heads: a replica that still lacks
 *           records of the pruner)}]
 *           ok:false at some or all of them is no failure of the verb
 * scan  (owner null in STORE: looks, claims nothing)
 *   job     store:STORE, jobs:[NAME] (none: all), ids:[ID] (optional: only these),
 *           sweep_age_s:N (0: never), in_progress:["JOB/ID"]
 *   result  marker_id:HEX32, sets:{JOB:[SET]}, damaged:[{job, id, error, code}], swept:N,
 *           total_bytes:N, free_bytes:N, and of a repository
 *           heads:HEADS, recovery_slot:B, repository:HEX32, slot:HEX32 (that the key opened),
 *           may_read:B (the key may)
 *           code "key": made with a key that is not at hand; anything else is damage
 * verify
 *   job     store:STORE, job, id | store:STORE, all:true | file:PATH, key:SECRET|null;
 *           data:B (of a repository: every byte, not only the structure), from:N, to:N (0 .. 1 << 32; left
 *           out: all. With all and data, of a repository: of the packs alone whose names begin there;
 *           of one plain set: of its bytes, lib/plain/set_verify.h)
 *   result  sets:N, bytes:N, damaged:[{job, id, error, code}]    job "": the place, no set
 *           names_only:B (the key may only write: objects were compared with their names, no set was looked at)
 * prune (owner null in STORE: for whom it belongs to, by an operator)
 *   job     store:STORE, job, ids:[ID], and of a repository
 *           stores:[STORE] in the place of store (its replicas, one to append at first),
 *           reading:["JOB/ID"], oldest_run:ISO|null (that adds to it right now), clock_in_doubt:B,
 *           collect:B (else only the sets go, and what they leave behind waits)
 *   result  removed:[ID], failed:[{id, error}], and of a repository
 *           problems:[S], heads:HEADS, freed_bytes:N, trash_bytes:N, live_bytes:N
 * copy  one set from one destination to another: what lies there already and is right stays
 *   job     from:STORE, to:STORE (owner null: that of the marker of `from`), job, id
 *   result  marker_id:HEX32, set:SET, stored_bytes:N, sent_bytes:N, reencrypted:B, heads:HEADS (to a
 *           replica, which gets whatever else it lacks too)
 *           a set that is committed at `to` already is no failure: sent_bytes 0
 * mark
 *   job     store:STORE | stores:[STORE] (replicas: the record is made at the first), job, id,
 *           kind:"pin"|"unpin"|"accept", reason, until:ISO|null
 *   result  {}
 * adopt
 *   job     stores:[STORE] (the first is adopted, the others are replicas that have a say; store:STORE alone
 *           will do)
 *   result  marker_id:HEX32, heads:{DESTINATION:HEADS} (of the replicas that were looked at and have them now)
 * export
 *   job     store:STORE, job, id | file:PATH, key:SECRET|null;  place:PATH
 *   result  bytes:N, sha256:HEX64
 * ls
 *   job     store|file, job, id, source:NAME|null, path:S (optional: only what lies there)
 *   result  entries:[{source, path, type, size, mtime}], left_out:N (too many for one message)
 *           type "file", "folder", "symlink", "hardlink", "fifo", "device", or an artifact's kind
 * changes  what runs found changed in file trees, from tracking
 *   job     tracks:[{source, dir:P, number:N}], since:ID|null (null: only the last run)
 *   result  transactions:[{source, id, started, compared:B (false: there was nothing to compare with),
 *           changes:[{change:"added"|"changed"|"removed", path, size, mtime}]}], left_out:N, lost:N
 *           (transactions that cannot be read any more)
 * cat  (writes to fd 1)
 *   job     store|file, job, id, source, path:S|null
 *   result  bytes:N
 * keys  who may open a repository; a change is made at every replica
 *   job     stores:[STORE] (replicas), change:"list"|"add"|"remove"|"rotate"; of these
 *           add     kind:"operation"|"recovery"|"passphrase"|"write-only", label:S,
 *                   secret:SECRET|null (null: it is made, and told once)
 *           remove  slot:HEX32
 *   result  repository:HEX32, may_read:B (the key may), slots:[{slot, damaged:B, and unless it is damaged
 *           kind, label, created, opened:B (by the key)}], problems:[S] (of replicas), and of
 *           add: slot, secret (made here); remove: slot; rotate: generation:N
 * diff  what set `other` has that set `id` has not, in one repository, by their lists
 *   job     store, job, id, other:"JOB/ID", source:NAME|null
 *   result  changes:[{source, path, change:"added"|"removed"|"changed"|"attributes", type,
 *           size:N|null, was:N|null}], left_out:N (too many), added:N, removed:N, changed:N
 * repair  one replica of a repository made whole from others: what is missing or not what was written
 *   job     to:STORE, from:[STORE], data:B (read every byte to find it; else what its structure shows)
 *   result  mended:[OBJECT], brought:N (objects that were missing), left:[{object, error}] (what could not be
 *           mended), bytes:N (read)
 * restore, undo: see daemon/worker/restore.h
 * hook
 *   job     argv:[..], env:{NAME:VALUE}, timeout_s:N
 *   result  output:S      a hook that exits non-zero is a failure of the verb
 * ping
 *   job     url, event:"start"|"success"|"fail"|"log", status:N|null, rid:UUID, body:S
 *   result  http:N
 * check
 *   job     stores:[STORE and "deletes":B of the configuration], sources:[SOURCE]
 *   result  findings:[{level:"error"|"warning"|"note", what:S, do:S}]
 */
#pragma once

#include "lib/protocol/frame.h"

enum { WORKER_FRAME_MAX = 16 << 20 };
