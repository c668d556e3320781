/* status_problems.h — the rules by which something is a problem; shared by status_*.c only. */
#pragma once

#include "daemon/daemon.h"
#include "lib/base/json.h"

struct problems {
    json_t *texts; /* array of strings; owned by whoever made it */
    int level;
};
void problems_add(struct problems *p, int level, const char *fmt, ...) printf_like(3, 4);
void problems_of_job(struct daemon *d, const struct job *job, const struct planner_view *view,
                     struct problems *p);
void problems_of_destination(struct daemon *d, const struct destination *dest, struct problems *p);
void problems_of_daemon(struct daemon *d, struct problems *p);
