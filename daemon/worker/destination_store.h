/* destination_store.h — the store of a STORE piece, by its type. For destination.c. */
#pragma once

#include "daemon/worker/destination.h"

/* A string as a secret, anything else as none (text NULL). */
struct secret destination_secret(const json_t *value);
/* Open d->store as `o` says, with what the store borrows from d. A directory must exist; the first
 * use of a bucket says what is wrong with it. May block. */
int must_check destination_open_store(const json_t *o, struct destination *d, struct err *e);
/* Close it and wipe what it borrowed. Safe on a zeroed one. */
void destination_close_store(struct destination *d);
