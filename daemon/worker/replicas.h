/* replicas.h — which replica of a repository a log goes on from.
 *
 * A record is appended where the logs are longest, and nowhere while a replica that has more is away: two that
 * went on differently cannot be joined again. */
#pragma once

#include "daemon/worker/repo.h"

/* The index of the one whose logs are longest, the first of several; one that cannot be listed counts
 * as empty. count > 0. Blocks. */
size_t replicas_longest(struct store *const *stores, size_t count);
/* Before something is appended: ERR_UNAVAILABLE when one of the others, also one that is another installation's by
 * now, has records that this one lacks, or some replica was seen to have such. Blocks. */
int must_check replicas_check(const struct destination *d, const struct repo *r,
                              struct store *const *others, size_t count, struct err *e);
