/* set_verify.h — every stored byte of a set against its manifest. No key is needed beyond the one
 * that verified the manifest. */
#pragma once

#include "lib/plain/manifest.h"

/* m: of JOB/ID in s, already verified. progress (may be NULL) hears the bytes read so far; when it
 * returns false the work stops with ERR_CANCELLED. ERR_DAMAGED names the object. */
int must_check set_verify(struct store *s, const struct manifest *m, artifact_progress_cb *progress,
                          void *arg, struct err *e);
/* Stored bytes of all artifacts: what set_verify will read. */
uint64_t set_verify_size(const struct manifest *m);
/* Names below JOB/ID/ that the manifest does not know, at most 10: stray files are no damage. */
int must_check set_verify_strays(struct store *s, const struct manifest *m, struct strlist *ret,
                                 struct err *e);
