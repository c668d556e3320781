/* outputs_parts.h — the two sides of outputs.c: the plain destinations, which share one writer, and
 * each repository, whose replicas share one adder. Private to outputs*.c.
 *
 * What a side cannot do any more fails its destinations (output_fail) and is over for it; it never
 * fails the job. */
#pragma once

#include "daemon/worker/outputs.h"
#include "daemon/worker/repo.h"
#include "lib/plain/manifest.h"

struct output { /* one destination */
    struct destination to;
    char *name;
    bool open, failed;
    struct err error;
    json_t *artifacts;
};
void output_fail(struct worker *w, struct output *out, const struct err *why);

struct output_artifact { /* that is open or has just ended */
    const char *source, *type;
    const char *kind; /* "tree" is "tar" on the plain side */
    const char *database;
    json_t *details; /* at its end; borrowed */
};
/* Note it at a destination: what is stored is in a, the rest is added. */
void output_note(struct output *out, const struct output_artifact *about,
                 const struct manifest_artifact *a);

/* --- outputs_plain.c --- */
struct plain_side;
/* prefix: "JOB/ID". All borrowed. */
struct plain_side *plain_side_new(struct worker *w, const char *prefix, int threads);
void plain_side_add(struct plain_side *p, struct output *out); /* a destination that is claimed */
bool plain_side_alive(const struct plain_side *p);
void plain_side_begin(struct plain_side *p, const struct output_artifact *about);
void plain_side_write(struct plain_side *p, const void *data, size_t len);
void plain_side_member(struct plain_side *p, const struct tree_member *m);
void plain_side_data(struct plain_side *p, const void *data, size_t len); /* of the member */
void plain_side_end(struct plain_side *p, const struct output_artifact *about);
void plain_side_abort(struct plain_side *p);
void plain_side_free(struct plain_side *p); /* NULL-safe */

/* --- outputs_repository.c --- */
struct repo_side;
/* id: of the set; tracking: {"dir","number"} or NULL; all borrowed. */
struct repo_side *repo_side_new(struct worker *w, const char *name, const char *id,
                                const json_t *tracking, int threads);
/* Is a destination of another side left? Asked by the thread that writes; before repo_side_open. */
typedef bool repo_side_others(void *arg, const struct repo_side *me);
void repo_side_set_others(struct repo_side *r, repo_side_others *others, void *arg);
const char *repo_side_name(const struct repo_side *r);
/* A destination that is claimed, or that failed as another installation's: nothing is added where that one
 * has gone on already. */
void repo_side_add(struct repo_side *r, struct output *out);
void repo_side_open(struct repo_side *r); /* once all are added */
bool repo_side_alive(const struct repo_side *r);
void repo_side_begin(struct repo_side *r, const struct output_artifact *about);
void repo_side_write(struct repo_side *r, const void *data, size_t len);
/* events: those of the walk; borrowed until the end. */
void repo_side_begin_tree(struct repo_side *r, const struct output_artifact *about,
                          const struct tree_read_spec *spec, const struct tree_visitor *events);
bool repo_side_known(struct repo_side *r, const char *path, const struct stat *st);
void repo_side_member(struct repo_side *r, const struct tree_member *m);
void repo_side_data(struct repo_side *r, const void *data, size_t len);
void repo_side_spoiled(struct repo_side *r, const char *path);
void repo_side_end(struct repo_side *r, const struct output_artifact *about);
void repo_side_abort(struct repo_side *r);
/* Everything durable. *ret_number: of what is tracked now; 0: nothing is. */
void repo_side_finish(struct repo_side *r, int64_t *ret_number);
void repo_side_free(struct repo_side *r); /* NULL-safe */
