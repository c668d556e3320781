/* set_copy.h — a whole set brought from one destination to another.
 *
 * What the two differ in is made anew: the destination's id, the salt, the MACs and texts, and the
 * stored form where compression, key or the size of volumes differ. All else is kept: id, sequence,
 * tiers, times, host, reason, what was found wrong. manifest.json goes last, so a copy that is cut
 * off has committed nothing, and the next one sends only what is missing. */
#pragma once

#include "lib/plain/artifact_copy.h"
#include "lib/plain/manifest.h"

struct set_copy {
    struct store *from;             /* all pointers are borrowed */
    const struct secret *from_key;  /* opens the artifacts there; NULL: none */
    struct artifact_target to;      /* set_prefix "JOB/ID" */
    const struct marker *marker;    /* of the target, claimed */
    const struct mac_key *mac;      /* of the target's present key */
    const char *key_hint;           /* for MANIFEST.txt */
    int threads;                    /* that compress */
    artifact_progress_cb *progress; /* stored bytes of the source, of all; may be NULL */
    void *arg;
    uint64_t sent;    /* out: bytes of artifacts put at the target */
    bool reencrypted; /* out: something was written anew */
};

/* m: the verified manifest of the set at `from`; becomes that of the target. ERR_EXISTS: the target
 * holds the set already. ERR_DAMAGED: the source is not what was written, nothing is committed. */
int must_check set_copy(struct set_copy *c, struct manifest *m, struct err *e);
