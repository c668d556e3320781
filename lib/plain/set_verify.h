/* set_verify.h — every stored byte of a set against its manifest. No key is needed beyond the one
 * that verified the manifest. */
#pragma once

#include "lib/plain/manifest.h"

/* m: of JOB/ID in s, already verified. progress (may be NULL) hears the bytes read so far; when it
 * returns false the work stops with ERR_CANCELLED. ERR_DAMAGED names the object. */
int must_check set_verify(struct store *s, const struct manifest *m, artifact_progress_cb *progress,
                          void *arg, struct err *e);
/* Parts of a set: the part from 0 to SET_VERIFY_END is all of its stored bytes, in the order of its artifacts. A
 * segment belongs to the part in which it begins, so that parts which cover all read each byte once. The manifest,
 * SHA256SUMS, MANIFEST.txt and the sizes of what a part touches are looked at by each. *ret_bytes: read. */
#define SET_VERIFY_END (UINT64_C(1) << 32)
int must_check set_verify_part(struct store *s, const struct manifest *m, uint64_t from,
                               uint64_t to, artifact_progress_cb *progress, void *arg,
                               uint64_t *ret_bytes, struct err *e);
/* Stored bytes of all artifacts: what set_verify will read. */
uint64_t set_verify_size(const struct manifest *m);
/* Names below JOB/ID/ that the manifest does not know, at most 10: stray files are no damage. */
int must_check set_verify_strays(struct store *s, const struct manifest *m, struct strlist *ret,
                                 struct err *e);
