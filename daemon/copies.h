/* copies.h — sets on their way from one destination to another.
 *
 * Each destination has a lane: one copy to it at a time, whatever goes on elsewhere and however
 * many runs are at work, so that a slow or dead place holds back nobody but itself. What is owed is
 * decided by lib/schedule/copying from the catalog; what an operator asks for goes first. A failed
 * copy is tried again after 1, 2, 4 ... 60 min; that is remembered over a reload and forgotten at a
 * restart. The set that is read is in use (daemon_mark_in_use) until its copy is recorded.
 * Loop thread only; nothing here blocks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/json.h"
#include "lib/config/config.h"

struct copies;
struct daemon;
struct problems;
struct request;

struct copies *copies_new(struct daemon *d);
void copies_free(struct copies *c); /* idle; NULL-safe */

/* Start what can start. Cheap when nothing has changed: call it at every occasion. */
void copies_look(struct copies *c);
/* Something that decides about copies has changed: a listing, a set, a pause. Looks at once. */
void copies_changed(struct copies *c);
/* It could not be listed, and can: what failed to come there or from there meanwhile waits no longer. */
void copies_place_is_back(struct copies *c, const char *destination);
/* A new configuration is in force: what goes on between places that are no longer the same ends. */
void copies_reconfigured(struct copies *c);
void copies_cancel(struct copies *c); /* synbakd stops */
bool copies_idle(const struct copies *c);
int64_t copies_wake_us(const struct copies *c); /* monotonic: look then; INT64_MAX: no need */

/* An operator's wish: the set `id`, which `from` holds (NULL: any), to `to`. All of them exist.
 * Answers the request: at once, or with `wait` when it is over. */
void copies_ask(struct copies *c, struct request *r, const struct job *job, const char *id,
                const char *from, const char *to, bool wait);

/* --- questions --- */
bool copies_use(const struct copies *c, const char *job, const char *id);
void copies_add_in_progress(const struct copies *c, json_t *array); /* "JOB/ID" */
/* Is a copy of this set owed that may still come without a failure, a delay or a hand? */
bool copies_pending(struct copies *c, const char *job, const char *id);
/* The destinations of a run's record, completed by what copies have made of its set since:
 * "destinations" of method wait; new reference. */
json_t *copies_complete(struct copies *c, const char *job, const char *id,
                        const json_t *destinations);
json_t *copies_of_job(struct copies *c, const struct job *job); /* [JOBDESTINATION] */
void copies_problems(struct copies *c, const struct job *job, struct problems *p);
