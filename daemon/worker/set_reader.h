/* set_reader.h — one set, opened and verified, and its artifacts as plain bytes. Shared by the
 * verbs that look into a set: restore, ls, cat. */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"

struct set_reader {
    struct destination from;
    char *job, *id, *prefix; /* prefix: "JOB/ID" */
    struct manifest manifest;
    const struct secret *key; /* opens its artifacts; borrowed from `from`; NULL: none */
};

/* From a job with "store" and "job","id", or with "file". What is read from it ends soon once the worker
 * is cancelled. */
int must_check set_reader_open(struct worker *w, const json_t *job, struct set_reader *ret,
                               struct err *e);
struct artifact_source set_reader_source(struct set_reader *r, const struct manifest_artifact *a);
void set_reader_close(struct set_reader *r); /* safe on a zeroed one */

/* artifact_read with the reader for arg: fits restore_read and tree_source. */
int must_check set_reader_read(void *artifact_reader, void *data, size_t len, size_t *ret_len,
                               struct err *e);
/* ERR_NOT_FOUND, naming the nearest, unless the set holds something of that source. */
int must_check set_reader_check_source(const struct manifest *m, const char *source, struct err *e);
/* "database/synapse.dump.gz.enc" -> "synapse.dump": what a person calls the artifact. Owned. */
char *set_reader_file_name(const struct manifest_artifact *a);
