/* tar_export.h — one set as one tar file that stock tar unpacks: JOB/ID/... as at a destination. */
#pragma once

#include "lib/plain/manifest.h"

/* m: of JOB/ID in s, already verified. Every byte is compared with its digest on the way; what
 * does not fit ends the export (ERR_DAMAGED). Writes to fd, from its present offset on; the caller
 * makes it durable. progress (may be NULL) as in set_verify.h. */
int must_check tar_export_set(struct store *s, const struct manifest *m, int fd,
                              artifact_progress_cb *progress, void *arg, uint64_t *ret_bytes,
                              uint8_t ret_sha256[STORE_DIGEST_LEN], struct err *e);
