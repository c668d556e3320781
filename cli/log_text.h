/* log_text.h — a record of the daemon's journal (daemon/record.h) as one sentence. */
#pragma once

#include "lib/base/json.h"

/* Without time and job, as they stand before it. Owned; NULL: the record says nothing to people. */
char *log_text(const json_t *record);
