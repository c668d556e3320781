/* place_daemon.h — a set that synbakd names and guards, as place_find finds it.
 *
 * Of the destinations that hold the set the nearest that answers is taken: the daemon gives the
 * order, we look whether the set opens there before anything depends on it. For place.c. */
#pragma once

#include "cli/place.h"

/* The daemon is connected. t->job may still be NULL; t->id is made definite when a destination was
 * passed over. */
int must_check place_from_daemon(struct cli *c, struct target *t, const char *purpose,
                                 struct place *ret, struct err *e);
