/* worker_env.h — the environment of a worker of our own: ours, but for the variables that hold one
 * of its keys. What it runs in turn (stop and start commands, a restore_command) must not see one,
 * and the worker has it in its job. */
#pragma once

#include "lib/base/json.h"

/* The array is owned, its strings are borrowed from our environment. */
char **worker_env_make(const json_t *job);
