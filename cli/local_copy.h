/* local_copy.h — the copy of the present state when no daemon answers: a set of tier pre-restore
 * made by workers of ours, as the daemon would have made it. */
#pragma once

#include "cli/place.h"

/* Read the sources of these names (borrowed array) into a new set of the job at its destinations,
 * pin it for 14 days, and give its files to whom the destination belongs. *ret_id is its id, owned.
 * ERR_REFUSED or the worker's error when no destination took all of it. */
int must_check local_copy_make(struct cli *c, const struct job *job, json_t *names, char **ret_id,
                               struct err *e);
/* Can one be made? Some destination of the job is there and has its marker. */
bool local_copy_possible(const struct job *job);
