/* signed.h — JSON objects that carry the pruner's signature: slots and generations
 * (docs/repository-format.md, "Keys"). Pure. */
#pragma once

#include "lib/repository/keys.h"

/* o gains the member "signature", over `purpose`, the repository's id and the text of o as it is: no
 * spaces, members in their order. ret declares its maximum. ERR_KEY from write-only keys. */
int must_check signed_make(const struct keys *k, const char *purpose, json_t *o, struct buf *ret,
                           struct err *e);
/* ERR_DAMAGED when the signature is not the pruner's. */
int must_check signed_check(const struct keys *k, const char *purpose, const json_t *o,
                            struct err *e);
