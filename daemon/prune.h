/* prune.h — the retention pass: ask lib/schedule what goes, journal it, have a worker delete it.
 *
 * One pass at a time; what is asked meanwhile waits. Never at a destination that has not been
 * listed since start, never for a job on hold. Loop thread only. */
#pragma once

#include "daemon/operation.h"
#include "lib/schedule/retention.h"

struct prunes;

struct prunes *prunes_new(struct daemon *d);
void prunes_free(struct prunes *p); /* idle */
/* Each destination of the job. */
void prune_start(struct daemon *d, const char *job);
/* In a repository, passes look once a day for what the sets that are gone have left behind: the next one
 * does. */
void prune_collect_now(struct daemon *d);
void prunes_cancel(struct prunes *p);
bool prunes_idle(const struct prunes *p);
/* Has retention decided to delete this set, or is it being deleted? */
bool prune_is_removing(const struct prunes *p, const char *job, const char *destination,
                       const char *id);
/* What a pass would do now; for `prune --dry-run` and `explain`. 1: nothing may be decided there,
 * and *why (static text) says why. */
int must_check prune_decide(struct daemon *d, const struct job *job, const char *destination,
                            struct retention_plan *ret, const char **why, struct err *e);
