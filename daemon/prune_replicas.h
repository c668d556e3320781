/* prune_replicas.h — what a retention pass at a repository needs to know beside the sets that go: its
 * replicas, and who counts on what lies there. Used by prune.c. Pure memory. */
#pragma once

#include "lib/base/json.h"
#include "lib/config/config.h"

struct daemon;

/* The destinations that hold the repository of `first`, itself first, of those that are listed. *ret is owned
 * (free). */
size_t prune_replicas(struct daemon *d, struct destination *first, struct destination ***ret);
/* Is `dest` the one whose pass is that of the whole repository for this job? Always, for a plain one. */
bool prune_is_first(struct daemon *d, const struct job *job, const struct destination *dest);
/* "reading", "oldest_run" and "clock_in_doubt" of a prune job (worker_msg.h). */
void prune_add_guards(struct daemon *d, const struct destination *dest, json_t *job);
