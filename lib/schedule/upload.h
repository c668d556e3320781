/* upload.h — what an upload limit means from now on, in the local time of a zone. Pure.
 *
 * A worker knows neither zones nor schedules: it is told at which moments which rate begins. */
#pragma once

#include "lib/schedule/calendar.h"

enum { UPLOAD_COURSE_DAYS = 31 }; /* longer than any upload; the last rate holds on after it */

/* The rates over so many days; the first change is at `now`. Where clocks go back, a window holds in
 * both passes; the part of one that they skip does not come. Empty if there are no windows. */
struct rate_course upload_course(const struct rate_windows *w, const struct zone *z,
                                 struct wall now, int days);
/* The same in the zone of this name (NULL: the system's), found now. Blocks: reads its file. */
int must_check upload_course_in(const struct rate_windows *w, const char *zone, struct wall now,
                                struct rate_course *ret, struct err *e);
void upload_course_free(struct rate_course *c);
