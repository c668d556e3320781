/* status.h — what `synbakctl status` shows: jobs, destinations, and what is wrong with them.
 *
 * Levels: 0 ok, 1 warning (will matter if ignored), 2 critical (somebody must act). */
#pragma once

#include "lib/base/json.h"

struct config;
struct daemon;
struct job;

/* The result of the method "status"; job NULL: all. New reference. */
json_t *status_to_json(struct daemon *d, const char *job);
