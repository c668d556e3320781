/* restore.h — the restore verb: its job, and the two things it brings back.
 *
 *   {"verb":"restore","store":STORE | "file":PATH (an export, or a set's folder) with
 * "key":SECRET|null, "job":NAME,"id":ID,"sources":[NAME] ([]: all, keys and secrets first),
 *    "mode":"database"|"target"|"in-place","database":NAME,"target":DIR,
 *    "configured":[SOURCE] (in-place and restore_uri),"safety_copy":"done"|"none"|"refuse",
 *    "replace":B (drop first, when there is no room for
 * both),"stop":[..],"start":[..],"check":[..], "state_dir":DIR|null,"run":S,"yes":B} result
 * {"restored":[{"source","where","bytes","kept":S|null}],"undo":S|null,"seconds":N}
 *
 * Order: read and verify the manifest; plan (what comes, what is replaced, space, time); ask;
 * verify every byte of what will be used before anything is replaced; stop; restore into staging;
 * swap; start; check. */
#pragma once

#include "daemon/worker/worker.h"
#include "lib/plain/manifest.h"

/* Where a restore reads its plain bytes from. */
struct restore_stream {
    struct artifact_reader *reader; /* borrowed */
};

/* --- files: daemon/worker/restore_tree.c over lib/plain/tree_*.h --- */
/* --- databases: daemon/worker/restore_database.c over lib/postgres --- */

struct restore_step { /* one source's part of the plan, made before anything changes */
    char *source;
    char *what; /* "database synapse: 8 tables, 1.1 GB, replaces the present one" */
    uint64_t need_bytes, free_bytes;
    bool replaces; /* something is there now */
    char *refusal; /* why it cannot be done as asked, or NULL */
};
