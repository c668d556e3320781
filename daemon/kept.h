/* kept.h — what restores have kept aside, or left behind when they were killed, for status: read on the thread pool from the records that
 * they leave in STATE_DIR/restores (daemon/worker/restore_record.h). Loop thread only. */
#pragma once

#include "lib/base/json.h"

struct daemon;
struct kept;

struct kept *kept_new(struct daemon *d);
void kept_free(struct kept *k); /* only when no reading is under way: it counts as an operation */
/* Read again, soon; never blocks. Called at start and when a restore ends. */
void kept_refresh(struct kept *k);
/* [{"what","bytes","command"}], as known; borrowed. Reads again when that is a minute old, because
 * people remove these things by hand. */
json_t *kept_list(struct kept *k);
