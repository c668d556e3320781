/* judge.h — which of the sets that a worker has listed are good: synbakd's judgement, without it. */
#pragma once

#include "lib/base/json.h"
#include "lib/schedule/set.h"

/* sets: those of one job at one destination, as the scan verb lists them; each gets "state".
 * percent: the job's size_drop. */
void judge_sets(json_t *sets, int percent);
/* The same list as retention wants it, classified, all at `destination`; free it by sets_deinit. */
void judge_read(const json_t *sets, const char *destination, int percent, struct sets *ret);
