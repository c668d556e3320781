/* artifact_copy.h — one artifact of a set brought to another store.
 *
 * Byte for byte where that is possible, else decoded and written anew in memory: nothing of it
 * ever touches a disk on the way. Every segment is compared with its digest before it goes out.
 * Volumes that lie at the target already and are right are not sent again, so that a copy that was
 * cut off goes on. What is written anew begins again, by decision: each time it has a salt of its own. One
 * kept for the next attempt would have to be trusted from a place that anybody may write to, and
 * under the same salt two texts show where they begin to differ. */
#pragma once

#include "lib/base/json.h"
#include "lib/plain/artifact.h"

struct artifact_copy {
    const struct artifact_target *to; /* borrowed, as all below */
    const json_t *there;              /* {NAME: size}: what lies below to->set_prefix already */
    artifact_progress_cb *progress;   /* stored bytes of the source; may be NULL */
    void *arg;
    uint64_t sent; /* counted: bytes put at the target */
};

/* May it stay as it is? Format and key are the target's, and no volume is larger than it wants. */
bool artifact_copy_fits(const struct artifact_source *from, const struct artifact_target *to);
/* The same bytes under the same names. ERR_DAMAGED: the source is not what was written. */
int must_check artifact_copy_bytes(struct artifact_copy *c, const struct artifact_source *from,
                                   struct err *e);
/* Decoded and written as the target wants it. base_name: without the suffixes. raw_bytes: what
 * must come out of it, else ERR_DAMAGED. *ret: artifact_result_deinit. */
int must_check artifact_copy_anew(struct artifact_copy *c, const struct artifact_source *from,
                                  const char *base_name, uint64_t raw_bytes, int threads,
                                  struct artifact_result *ret, struct err *e);
