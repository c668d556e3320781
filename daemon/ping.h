/* ping.h — telling a dead-man's-switch service how runs go; never delays or fails a backup.
 *
 * Each job has a short queue; one ping is on its way at a time, so that /start comes before the
 * end. What cannot be delivered is tried again after 1, 5, 15 and 60 minutes, then dropped with a
 * line in the log. What waits outlives a stop, and how a run ended a crash as well (ping_store.h);
 * it is sent at the next start unless it is an hour old by then. The URL is a secret of sorts: it is neither logged nor journalled. */
#pragma once

#include "daemon/operation.h"

struct pings;

struct pings *pings_new(struct daemon *d);
/* event: "start", "success", "fail", "log"; status >= 0 sends the exit status instead. Does nothing
 * for a job without `ping`. */
void ping_send(struct pings *p, const struct job *job, const char *event, int status,
               const char *rid, const char *body);
/* The text of the last failure that still stands for a job, or NULL. */
const char *ping_problem(const struct pings *p, const char *job);
/* What the last process of ours had left to say. At start. */
void pings_take_up(struct pings *p);
void pings_stop(struct pings *p); /* keep what waits, cancel what is on its way */
bool pings_idle(const struct pings *p);
void pings_free(struct pings *p); /* idle */
