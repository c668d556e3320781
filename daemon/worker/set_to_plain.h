/* set_to_plain.h — a set of a repository as one of the plain format, at a store. Shared by copy and export.
 */
#pragma once

#include "daemon/worker/set_reader.h"

struct set_to_plain {
    struct set_reader *from;     /* of a repository; all pointers are borrowed */
    struct artifact_target to;   /* set_prefix "JOB/ID" */
    const struct marker *marker; /* of the target */
    const struct mac_key *mac;
    const char *key_hint;
    artifact_progress_cb *progress; /* bytes of the source read so far */
    void *arg;
    uint64_t sent; /* out: bytes of artifacts put at the target */
};

/* *ret: the manifest as committed there. ERR_EXISTS: the target holds the set already. Nothing is
 * committed on failure. Blocks. */
int must_check set_to_plain(struct set_to_plain *p, struct manifest *ret, struct err *e);
uint64_t set_to_plain_size(const struct set_reader *from); /* what progress will come to */
