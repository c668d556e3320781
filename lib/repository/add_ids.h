/* add_ids.h — a set of chunk ids, in memory. */
#pragma once

#include "lib/repository/chunk.h"

struct add_ids {              /* zero is empty */
    struct chunk_id *entries; /* owned; all zeros: free */
    size_t count, cap;        /* cap: a power of two, or 0 */
};
bool add_ids_has(const struct add_ids *s, const struct chunk_id *id);
void add_ids_put(struct add_ids *s, const struct chunk_id *id); /* which it has not */
void add_ids_remove(struct add_ids *s, const struct chunk_id *id);
void add_ids_deinit(struct add_ids *s);
