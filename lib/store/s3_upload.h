/* s3_upload.h — a multipart upload: parts sent side by side, each confirmed, made one object at the
 * end. One thread calls these functions. */
#pragma once

#include "lib/store/s3_store.h"

struct s3_upload;

/* resume: go on with an unfinished upload of that name, if there is one. The service is asked once there is a
 * part; a failure shows then. */
struct s3_upload *s3_upload_new(struct s3 *s, const char *name, bool resume);
/* Takes the part, also on failure: every byte of it sealed, at least 5 MiB unless it is the last.
 * Blocks while too much is on its way. The failure of an earlier part may show here. */
int must_check s3_upload_add(struct s3_upload *u, struct s3_part *part, struct err *e);
/* How much the next part should at least hold: grows, because the number of parts is limited. */
size_t s3_upload_part_size(const struct s3_upload *u); /* u may be NULL: of the first part */
int must_check s3_upload_complete(struct s3_upload *u, enum store_commit how,
                                  const struct s3_seals *seals, struct err *e);
/* What was not completed is aborted, or, with keep, left to be resumed. NULL-safe. */
void s3_upload_free(struct s3_upload *u, bool keep);
