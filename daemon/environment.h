/* environment.h — what the daemon does with its environment.
 *
 * Keys may come as env:NAME. They must not be readable in /proc/PID/environ nor reach any child,
 * so the daemon moves its variables to memory of its own, overwrites the originals, and gives its
 * children an environment made from a short list of names. */
#pragma once

#include "lib/base/str.h"

/* First thing in main, while there is one thread. getenv() goes on working. Never undone. */
void environment_hide(void);
/* The variables that workers get: "NAME=VALUE", owned by the caller. */
void environment_for_workers(struct strlist *ret);
