/* outputs.h — where the bytes of one source go: the destinations of a dump, archive or command
 * job, what became of each, and the result of the verb. Shared by the three.
 *
 *   open -> (begin, artifact_write..., end | artifact_abort)* -> result -> free
 *
 * A destination that fails is out for the rest of the job and says why in the result; the verb
 * fails only when none is left. */
#pragma once

#include "daemon/worker/worker.h"
#include "lib/plain/manifest.h"

struct outputs; /* one per job */

/* From "job", "id", "stores", "threads" and "source":{"name","type"} of the job. Opens every store
 * and claims its marker. Fails when the job is malformed or no destination can be used. */
int must_check outputs_open(struct worker *w, const json_t *job, struct outputs **ret,
                            struct err *e);
const char *outputs_source(const struct outputs *o); /* the source's name */

/* A writer over all destinations still alive. file: below the source's folder and without the
 * suffixes, "synapse.dump": the artifact becomes SOURCE/file. */
int must_check outputs_begin(struct outputs *o, const char *file, struct artifact_writer **ret,
                             struct err *e);
struct output_about {     /* what the manifest will say of the artifact */
    const char *kind;     /* "dump", "sql", "globals", "tar", "out" */
    const char *database; /* or NULL */
    json_t *details;      /* object; the reference is taken */
};
/* Finish the writer (taken, also on failure) and note the artifact at each destination. */
int must_check outputs_end(struct outputs *o, struct artifact_writer *writer,
                           const struct output_about *about, struct err *e);

/* The source is not whole: one printable line; the first 100 are kept, then a count. */
void outputs_problem(struct outputs *o, const char *fmt, ...) printf_like(2, 3);
/* Worth telling, but the source is whole: stands among the problems too. */
void outputs_note(struct outputs *o, const char *fmt, ...) printf_like(2, 3);
void outputs_add_files(struct outputs *o, uint64_t count);

/* {"destinations","whole","problems","raw_bytes","files"} as in worker_msg.h; new reference. */
json_t *outputs_result(const struct outputs *o);
void outputs_free(struct outputs *o); /* NULL-safe */
