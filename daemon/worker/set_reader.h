/* set_reader.h — one set of either format, opened and verified, and its artifacts as plain bytes. Shared by
 * the verbs that look into a set: restore, ls, cat, and export and copy of repositories. */
#pragma once

#include "daemon/worker/repo.h"
#include "lib/plain/manifest.h"

struct set_reader {
    struct worker *worker;
    struct destination from;
    char *job, *id, *prefix; /* prefix: "JOB/ID" */
    struct manifest manifest;
    const struct secret *key; /* opens its artifacts; borrowed from `from`; NULL: none */
    struct repo repo;         /* of a repository, with its fetcher; else closed */
};

/* From a job with "store" and "job","id", or with "file". What is read from it ends soon once the worker
 * is cancelled. */
int must_check set_reader_open(struct worker *w, const json_t *job, struct set_reader *ret,
                               struct err *e);
void set_reader_close(struct set_reader *r); /* safe on a zeroed one */

/* One artifact as the bytes that were read of its source, or a tree as tar. */
struct set_artifact;
/* only: paths of a tree that are wanted, with what lies below them; the rest may come all the same. NULL:
 * everything. */
int must_check set_artifact_open(struct set_reader *r, const struct manifest_artifact *a,
                                 const struct strlist *only, struct set_artifact **ret,
                                 struct err *e);
/* Before anything is read of an artifact of a repository: what is present at its target (fetch.h). p is borrowed. */
void set_artifact_use(struct set_artifact *x, const struct fetch_present *p);
uint64_t set_artifact_present(const struct set_artifact *x); /* as fetch_artifact_present */
/* With the artifact for arg: fits restore_read and tree_source. */
int must_check set_artifact_read(void *set_artifact, void *data, size_t len, size_t *ret_len,
                                 struct err *e);
uint64_t set_artifact_done(const struct set_artifact *x); /* of set_artifact_size */
void set_artifact_close(struct set_artifact *x);          /* NULL-safe */
/* What reading all of it costs, for progress. */
uint64_t set_artifact_size(const struct manifest_artifact *a);
/* Every byte is what was written. progress as for artifact_verify. present: as for set_artifact_use, or NULL: what
 * is there is not looked at. */
int must_check set_artifact_verify(struct set_reader *r, const struct manifest_artifact *a,
                                   const struct fetch_present *present,
                                   artifact_progress_cb *progress, void *arg, struct err *e);
/* The list of an artifact of a repository, record by record. */
int must_check set_artifact_list(struct set_reader *r, const struct manifest_artifact *a,
                                 struct list_reader **ret, struct err *e);

/* ERR_NOT_FOUND, naming the nearest, unless the set holds something of that source. */
int must_check set_reader_check_source(const struct manifest *m, const char *source, struct err *e);
/* "database/synapse.dump.gz.enc" -> "synapse.dump": what a person calls the artifact. Owned. */
char *set_reader_file_name(const struct manifest_artifact *a);
