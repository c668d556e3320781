/* repo_commit.h — a set in a repository: its manifest as a chunk, its record in the writer's log. Shared by
 * commit and copy. */
#pragma once

#include "daemon/worker/repo.h"
#include "lib/repository/add.h"

/* The manifest as bytes for a chunk; what could not be read again is ERR_FORMAT. out declares its maximum. */
int must_check repo_manifest_bytes(const struct manifest *m, struct buf *out, struct err *e);
/* The record that makes it a set. Everything it names is durable. */
int must_check repo_append_set(struct repo *r, const struct log_author *who,
                               const struct manifest *m, const struct chunk_ref *manifest,
                               struct err *e);
