/* set_latest.h — the link JOB/latest, a convenience for people where the store has links. */
#pragma once

#include "lib/plain/keyring.h"

/* Point it at the committed set m, if that is good and no newer good one lies there. Does nothing
 * on a store without links. */
int must_check set_latest_point(struct store *s, struct keyring *ring, const struct manifest *m,
                                struct err *e);
