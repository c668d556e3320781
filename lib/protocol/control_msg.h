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
 * METHOD     role     params                           result
 * status     view     job?
 * {"level":0|1|2,"jobs":[JOBSTATUS],"destinations":[{"name","place","free_bytes",
 *                                                       "total_bytes","listed":B,"problem":S|null,"encrypted":B}],"problems":[{"level":"warning"|"critical","text"}],
 *                                                       "kept":[{"what","bytes","command"}],"clock_in_doubt":B,"version","started"}
 * list       view     job?, destination?               {"sets":[SETSTATUS]}
 * show       view     job, id                          {"sets":[SETSTATUS], one per destination}
 * schedule   view     job?, count {"jobs":[{"job","timezone","due":[{"at":ISO,"tiers":[..]}]}]}
 * explain    view     job, id                          {"lines":[{"destination","why"}]}
 * log        view     job?, after, count               {"records":[RECORD],"last":N}
 * trigger    operate  job, tier?, sources?, destinations?, pin?, reason?   {"run":N}
 * wait       view     run                              "progress" notifications, then
 * {"run":N,"outcome":WORD,"id","place", "bytes","error","destinations":[..],"restore":S} cancel
 * operate  run                              {} pause      operate  job, until? {} resume operate
 * job                              {} verify     operate  job?, id?, destination? {"run":N} prune
 * admin    job?, dry_run {"jobs":[{"job","destination","remove":[{"id","why"}],"capped":B}]} pin
 * operate  job, id, reason?, until?         {} unpin      admin    job, id {} accept     operate
 * job, id                          {} hold       operate  job                              {}
 * release    admin    job                              {}
 * rescan     operate  destination?                     {"sets":N}
 * adopt      admin    destination                      {}
 * clock-accept admin                                   {}
 * reload     admin                                     {"files":[..]}
 * restore-begin restore job, id?, destination?, purpose
 * {"token","config_file","job","id","destination","store":STORE without key, "key":SECRET only to
 * uid 0,"owner"}; read pin, schedule pause, deletion hold until restore-end   restore token, ok,
 * error?, summary     {}        restore-end or the connection closes pre-restore   restore job,
 * sources, token            {"run":N}
 *
 * JOBSTATUS
 * {"name","level","recoverable_until":ISO|null,"grade":"written"|"verified","latest":ID|null,"latest_bytes","next":ISO|null,
 *            "next_tiers":[..],"running":{"run","step","done","total","since"}|null,"queued":[{"run","why","since","waits_for"}],
 *            "paused":B,"paused_until":ISO|null,"held":B,"owed":[..],"last_run":{"run","outcome","finished","error","duration_s"}|null,
 *            "sets":N,"problems":[S],"retry_at":ISO|null}
 * SETSTATUS
 * {"job","id","destination","sequence","tiers":[..],"state","bytes","started","finished","verified":ISO|null,
 *            "pinned":B,"pin_reason","pin_until","place","sources":[{"name","type","whole","stored_bytes","raw_bytes"}],"problems":[..]}
 * RECORD     a journal record as it stands (lib/journal/journal.h, daemon/record.h)
 */
#pragma once

#include "lib/protocol/frame.h"

enum { CONTROL_REQUEST_MAX = 1 << 20, CONTROL_REPLY_MAX = 16 << 20, CONTROL_PROTOCOL = 1 };

enum role { ROLE_NONE, ROLE_VIEW, ROLE_OPERATE, ROLE_RESTORE, ROLE_ADMIN };
