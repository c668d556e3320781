/* memory_store.h — a store in memory that behaves as badly as object stores are allowed to.
 *
 * It keeps the promise of store.h for what was acknowledged; everything around that may lie. */
#pragma once

#include <stdatomic.h>

#include "lib/store/store.h"

struct memory_store_faults {
    bool stale_lists;      /* a list shows the state before the last change */
    bool refuse_overwrite; /* STORE_REPLACE of an existing name is ERR_DENIED (object lock) */
    bool refuse_delete;    /* likewise */
    unsigned lose_answer;  /* change number N happens and reports ERR_UNAVAILABLE; 0: none */
    unsigned fail_call;    /* call number N (of any kind) is ERR_UNAVAILABLE; 0: none */
    bool fail_ever_after;  /* and all behind it */
    atomic_bool hold_puts; /* what is written waits: a connection that hangs */
    /* counted by the store */
    unsigned calls, changes;
};

struct store *memory_store_new(void);
/* As one where every answer is a round trip away: so many gets at once are worth it. */
void memory_store_set_parallel(struct store *s, int parallel);
struct memory_store_faults *memory_store_faults(struct store *s);
/* Change one bit of an object, behind the store's back. */
void memory_store_damage(struct store *s, const char *name, size_t offset);
