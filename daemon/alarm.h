/* alarm.h — what time alone makes a problem (a backup too old, a disk that fills) is logged when it
 * begins and when it is over, so that nobody has to ask for status to hear of it. The rules are
 * those of status (status_problems.h). Loop thread only. */
#pragma once

#include <stdbool.h>

struct alarms;
struct daemon;

struct alarms *alarms_new(void);
void alarms_free(struct alarms *a);
/* Look around, at most once a minute unless `now`. Never blocks. */
void alarms_look(struct alarms *a, struct daemon *d, bool now);
