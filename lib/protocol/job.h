/* job.h — the shared pieces of worker jobs, built from the configuration (worker_msg.h). */
#pragma once

#include "lib/base/json.h"
#include "lib/config/config.h"

/* STORE. `key` may be NULL (key = none). owner is ours; known_id what the journal remembers, or
 * NULL. */
json_t *job_store(const struct destination *d, const struct secret *key,
                  const struct secret *old_keys, size_t old_key_count, const char *owner,
                  const char *known_id);
/* SOURCE. had_files: some good set of it holds files. */
json_t *job_source(const struct source *s, bool had_files);
/* Read key and old_keys of a destination: blocking (file, credential or command). key->text is NULL
 * for none. */
int must_check job_read_keys(const struct destination *d, struct secret *key,
                             struct secret **old_keys, struct err *e);
