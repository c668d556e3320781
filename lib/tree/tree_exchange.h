/* tree_exchange.h — make the steps of a plan, forwards or back. Private to tree_swap*.c. */
#pragma once

#include "lib/tree/tree_steps.h"

/* target, fresh: descriptors of the two sides; staging: of the folder that holds fresh, where things
 * lie for a moment on file systems that cannot exchange; borrowed. ERR_IO or ERR_REFUSED name the
 * path. A step that is made already is passed over, in either direction. */
int must_check tree_exchange_forward(int target, int fresh, int staging, const struct tree_steps *p,
                                     struct err *e);
/* Goes on after a step that cannot be taken back, and then fails with the first one's error. */
int must_check tree_exchange_back(int target, int fresh, int staging, const struct tree_steps *p,
                                  struct err *e);
