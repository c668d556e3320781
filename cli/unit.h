/* unit.h — what systemd says of synbakd.service. */
#pragma once

#include "lib/base/json.h"

/* The properties that concern us by name, each a string; an empty object when there is no systemd
 * or no such unit. New reference. Asks `systemctl show`, which may take a moment. */
json_t *unit_properties(void);
/* Whether one of the blank-separated paths of a property is `path` or holds it. */
bool unit_lists_path(const json_t *unit, const char *property, const char *path);
