/* capability.h — CAP_DAC_READ_SEARCH, the one capability of synbakd, and who gets it.
 *
 * The service manager gives it as an ambient capability, which every program that we start would
 * inherit. So the daemon lowers it at once, and raises it only around the start of the worker that
 * reads files. Per thread: call on the loop thread, before other threads exist. Source:
 * capabilities(7). */
#pragma once

#include <stdbool.h>

/* At start: keep it permitted and inheritable, nothing ambient, nothing effective for a non-root
 * daemon. Returns whether a worker can be given it. */
bool capability_setup(void);
/* Between raise and lower programs started by this thread inherit it. */
void capability_raise_ambient(void);
void capability_lower_ambient(void);
