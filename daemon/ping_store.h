/* ping_store.h — the pings that wait, kept over a restart of ours: STATE_DIR/pings.json.
 *
 *   {"version":1,"pings":[{"job","event","status","rid","body","time"}]}
 *
 * The URL is not in it: it is a secret of sorts, and the configuration has it. Loop thread only;
 * the writing is done on the thread pool. */
#pragma once

#include "lib/base/json.h"

struct daemon;
struct ping_store;

struct ping_store *ping_store_new(struct daemon *d);
void ping_store_free(struct ping_store *s); /* idle: a save counts as an operation */
/* Replace what is kept by `pings` (an array, taken); an empty one removes the file. The last of
 * several at once counts. A failure is told to the log, once. */
void ping_store_save(struct ping_store *s, json_t *pings);
/* What was kept (new reference, an array), at start; blocks. What cannot be read is nothing, and
 * told to the log. */
json_t *ping_store_load(struct daemon *d);
