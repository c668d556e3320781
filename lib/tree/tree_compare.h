/* tree_compare.h — what is in TARGET against what was restored: the steps that make the one the
 * other. Private to tree_swap.c. */
#pragma once

#include "lib/tree/tree_steps.h"
#include "lib/tree/tree_swap.h"

/* target, fresh: descriptors of the two sides; borrowed. ERR_REFUSED names what cannot be
 * exchanged. */
int must_check tree_compare(const struct tree_swap_spec *spec, int target, int fresh,
                            struct tree_steps *ret, struct err *e);
