/* index_put.h — a segment that lies in a file, sealed as an object: its name, its bytes, put at a store. */
#pragma once

#include "lib/repository/index_parts.h"

struct index_object { /* of one sealing: the same bytes whenever they are made */
    uint8_t header[OBJECT_HEADER_LEN], key[SEAL_KEY_LEN];
};
/* A new key; the segment's name and length. The caller wipes the key. */
int must_check index_object_new(struct index_segment *g, const struct keys *k,
                                struct index_object *ret, struct err *e);
/* Put, durable when it returns. Blocks. */
int must_check index_object_put(struct index_segment *g, const struct index_object *o,
                                struct store *s, struct err *e);
