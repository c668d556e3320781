/* outputs.h — where the bytes of one source go: the destinations of a dump, archive or command
 * job, of either format, what became of each, and the result of the verb. Shared by the three.
 *
 *   open -> (begin, write... | begin_tree, what tree_read tells, end | abort)* -> finish -> free
 *
 * A destination that fails is out for the rest of the job and says why in the result; the verb
 * fails only when none is left. */
#pragma once

#include "daemon/worker/worker.h"
#include "lib/tree/tree_read.h"

struct outputs; /* one per job */

/* From "job", "id", "stores", "threads", "tracking" and "source":{"name","type"} of the job. Opens every
 * store and claims its marker; repositories are opened meanwhile, until the first artifact begins. Fails
 * when the job is malformed or no destination can be used. */
int must_check outputs_open(struct worker *w, const json_t *job, struct outputs **ret,
                            struct err *e);
const char *outputs_source(const struct outputs *o); /* the source's name */

struct output_about {     /* what the manifest will say of the artifact */
    const char *kind;     /* "dump", "sql", "globals", "out"; a tree has its own */
    const char *database; /* or NULL */
};
/* A stream to all destinations still alive. At most one artifact is open at a time. Fails when no destination
 * is left. */
int must_check outputs_begin(struct outputs *o, const struct output_about *about, struct err *e);
/* Fails only when no destination is left. */
int must_check outputs_write(struct outputs *o, const void *data, size_t len, struct err *e);
uint64_t outputs_raw_bytes(const struct outputs *o); /* of the open stream */
/* A tree: for tree_read with this spec. What it knows of are files that every destination has as they
 * are. step: for progress; borrowed. */
int must_check outputs_begin_tree(struct outputs *o, const struct tree_read_spec *spec,
                                  const char *step, struct tree_visitor *ret, struct err *e);
/* The artifact is whole; noted at each destination. details: object; the reference is taken. */
int must_check outputs_end(struct outputs *o, json_t *details, struct err *e);
void outputs_abort(struct outputs *o); /* what is open, if anything; the others stay */

/* The source is not whole: one printable line; the first 100 are kept, then a count. */
void outputs_problem(struct outputs *o, const char *fmt, ...) printf_like(2, 3);
/* Worth telling, but the source is whole: stands among the problems too. */
void outputs_note(struct outputs *o, const char *fmt, ...) printf_like(2, 3);
void outputs_add_files(struct outputs *o, uint64_t count);

/* All that was written is durable. {"destinations","whole","problems","raw_bytes","files","tracking"} as
 * in worker_msg.h; new reference. */
int must_check outputs_finish(struct outputs *o, json_t **ret_result, struct err *e);
void outputs_free(struct outputs *o); /* NULL-safe */
