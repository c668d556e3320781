/* owner.h — who we are at a destination: the 32 hex digits that its marker names as owner.
 *
 * Derived from the machine and the state directory, so that an installation that lost its state
 * directory is still the owner of its backups; random and kept in the state directory where there
 * is no machine-id. Blocking; at start only. Source: machine-id(5), which asks that the id itself
 * is never shown. */
#pragma once

#include "lib/base/err.h"

int must_check owner_load(const char *state_dir, char ret[33], struct err *e);
