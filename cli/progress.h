/* progress.h — how far something is: a bar with rate and ETA on a terminal, one line for each
 * finished step with its size in a pipe (of those without one, for each that lasted a second), nothing
 * with --json. */
#pragma once

#include "cli/render.h"

struct progress_step {
    char *destination; /* of a step beside others */
    char *text;        /* NULL: none yet */
    int64_t done, total;
    struct mono since;
};

/* Steps follow one another, but for those that name a destination: they go on side by side. */
struct progress {
    const struct screen *screen;
    struct progress_step now, *beside;
    size_t beside_count;
    struct mono drawn;
    bool on_line; /* a bar stands on the terminal's last line */
};

void progress_init(struct progress *p, const struct screen *s);
/* From a "progress" message of daemon or worker: {"step","done","total"}, and perhaps
 * "destination". */
void progress_show(struct progress *p, const json_t *message);
/* Something else is to be printed: leave the bar's line. */
void progress_clear(struct progress *p);
/* The last step is over; of those side by side what was not finished is not told. */
void progress_end(struct progress *p);
/* Leaves the line, too. */
void progress_deinit(struct progress *p);
