/* progress.h — how far something is: a bar with rate and ETA on a terminal, one line for each
 * finished step with its size in a pipe, nothing with --json. */
#pragma once

#include "cli/render.h"

struct progress {
    const struct screen *screen;
    char *step; /* the present one, NULL: none yet */
    int64_t done, total;
    struct mono since, drawn;
    bool on_line; /* a bar stands on the terminal's last line */
};

void progress_init(struct progress *p, const struct screen *s);
/* From a "progress" message of daemon or worker: {"step","done","total"}. */
void progress_show(struct progress *p, const json_t *message);
/* Something else is to be printed: leave the bar's line. */
void progress_clear(struct progress *p);
/* The last step is over. */
void progress_end(struct progress *p);
