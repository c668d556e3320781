/* prune_replicas.h — what a retention pass at a repository needs to know beside the sets that go: its
 * replicas, which of them is ahead, and who counts on what lies there. Pure memory. */
#pragma once

#include "lib/base/json.h"
#include "lib/config/config.h"

struct daemon;

/* The destinations that hold the repository of `first`, itself first, of those that are listed, or that another
 * installation has taken. *ret is owned (free). */
size_t prune_replicas(struct daemon *d, struct destination *first, struct destination ***ret);
/* Likewise, all that the configuration names. */
size_t prune_all_replicas(struct daemon *d, struct destination *first, struct destination ***ret);
/* The listed one of them whose logs were seen to be the longest, which is where they go on; `dest` before others. */
struct destination *prune_leader(struct daemon *d, struct destination *dest);
/* The newest record that was seen at any replica of its repository; 0: none. role: "writer" or "pruner". */
int64_t prune_newest(struct daemon *d, const struct destination *dest, const char *role);
/* Is `dest` the one whose pass is that of the whole repository for this job? Always, for a plain one. */
bool prune_is_first(struct daemon *d, const struct job *job, const struct destination *dest);
/* "reading", "oldest_run" and "clock_in_doubt" of a prune job (worker_msg.h). */
void prune_add_guards(struct daemon *d, const struct destination *dest, json_t *job);
