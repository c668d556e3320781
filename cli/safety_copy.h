/* safety_copy.h — the present state is backed up before a restore in place replaces it. */
#pragma once

#include "cli/place.h"

/* For the restore job: "done" when a copy will have been made by the time the worker goes on,
 * "none" when none is wanted or nothing is replaced, "refuse" when none can be made. */
const char *safety_copy_word(const struct cli *c, const struct place *p);
/* Make it, if it is to be made: the daemon runs the job's sources as tier pre-restore and we wait.
 * `replaced`: names of the sources of which something is there now (borrowed). */
int must_check safety_copy_make(struct cli *c, const struct place *p, json_t *replaced,
                                struct err *e);
