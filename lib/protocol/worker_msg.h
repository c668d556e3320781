/* worker_msg.h — what synbakd or synbakctl and synbak-worker say to each other over fd 3.
 *
 * Frames: u32 big-endian length (1 .. 16 MiB), then one JSON object. fd 3 is a Unix stream
 * socket.
 *
 *   parent -> worker  {"type":"job","verb":VERB, ...}            once, first; may hold secrets
 *                     {"type":"cancel"}                          or end of file: stop and clean up
 *   worker -> parent  {"type":"progress","step":S,"done":N,"total":N}     total 0: unknown
 *                     {"type":"log","level":"info"|"warning","text":S}
 *                     {"type":"ask","text":S}    restore only: show the plan, wait for "answer"
 *   parent -> worker  {"type":"answer","yes":BOOL}
 *   worker -> parent  {"type":"result","ok":true,"result":{...}}          once, last; exit 0
 *                     {"type":"result","ok":false,"code":WORD,"error":S}  exit err_exit_status
 *
 * Exit 0 without a result is a failure, and so is a result with another exit status.
 *
 * Shared pieces of jobs (built by lib/protocol/job.h from the configuration):
 *   STORE   {"destination":NAME,"type":"directory","path":P,"owner":HEX32,"known_id":HEX32|null,
 *            "key":SECRET|null (null: key = none),"key_hint":"file:/etc/synbak/key",
 *            "old_keys":[SECRET..],"gzip":BOOL,"level":N,"volume_bytes":N}
 *   SOURCE
 * {"name":S,"type":"postgresql","uri":S,"restore_uri":S,"databases":[..],"exclude_databases":[..],
 *            "exclude_tables":[..],"exclude_table_data":[..],"schemas":[..],"schema_only":B,"globals":B,
 *            "format":"custom"|"plain","bin_dir":S|null,"lock_timeout_s":N}
 *           {"name":S,"type":"files","path":S,"include":[..],"exclude":[..],"one_file_system":B,
 *            "xattrs":B,"allow_empty":B,"had_files":B (a good set of it holds files)}
 *           {"name":S,"type":"command","command":[..],"restore_command":[..]}
 *   ARTIFACT as in manifest.json (docs/plain-format.md): what manifest_artifact holds
 *   SET {"id","sequence","tiers":[..],"reason","started","finished","incomplete":B,"fragment":B,
 *            "sources":[{"name","type","whole":B,"stored_bytes","raw_bytes"}],
 *            "pinned":B,"pin_until":ISO|null,"pin_reason","accepted":B,"key_id"}
 *
 * VERB      job                                               result
 * dump      job,id,source:SOURCE,stores:[STORE],threads
 * {"destinations":[{"destination":NAME,"ok":B, archive   the same
 * "error":S,"code":WORD,"artifacts":[ARTIFACT]}], command   the same
 * "whole":B,"problems":[S],"raw_bytes":N,"files":N} commit
 * job,id,sequence,tiers,reason,started,fragment,host
 * {"destinations":[{"destination","ok","error","code",
 *           stores:[STORE],sources:[{"name","type","whole", "marker_id":HEX32,"stored_bytes":N}]}
 *           "problems","artifacts":{NAME:[ARTIFACT]}}]
 * scan      store:STORE,jobs:[NAME],sweep_age_s:N,in_progress
 * {"marker_id":HEX32,"sets":{JOB:[SET]},
 *           :["JOB/ID"] "damaged":[{"job","id","error"}],"swept":N, "total_bytes":N,"free_bytes":N}
 * verify    store:STORE,job,id | store,all:true | file:PATH,key
 * {"sets":N,"bytes":N,"damaged":[{"job","id","error"}]} prune     store:STORE,job,ids:[ID]
 * {"removed":[ID],"failed":[{"id","error"}]} mark store:STORE,job,id,kind,reason,until:ISO|null {}
 * adopt     store:STORE                                         {"marker_id":HEX32}
 * export    store:STORE,job,id,place:PATH                       {"bytes":N,"sha256":HEX64}
 * ls        store|file,job,id,source|null {"entries":[{"source","path","type","size","mtime"}]} cat
 * store|file,job,id,source,path|null                  {"bytes":N}    writes to fd 1 restore   see
 * daemon/worker/restore.h undo      run:S                                               {} hook
 * argv:[..],env:{NAME:VALUE},timeout_s:N              {"output":S}   ok:false when it exits
 * non-zero ping      url,event:"start"|"success"|"fail"|"log",status:N|null,rid:UUID,body:S
 * {"http":N} check     stores:[STORE],sources:[SOURCE]
 * {"findings":[{"level":"error"|"warning"|"note", "what":S,"do":S}]}
 */
#pragma once

#include "lib/protocol/frame.h"

enum { WORKER_FRAME_MAX = 16 << 20 };
