/* set_describe.h — a set as messages carry it: the SET of lib/protocol/worker_msg.h. Shared by scan
 * and copy. Does not block. */
#pragma once

#include "lib/plain/marks.h"

json_t *set_describe(const struct manifest *m, const struct marks *marks); /* new reference */
