/* keys_parts.h — how keys are put together; for the files keys*.c, slot*.c and generation.c only. */
#pragma once

#include "lib/repository/keys.h"

struct keys *keys_new(void); /* empty; keys_free */
/* What hangs on adding, writer and pruner, once they are there. */
int must_check keys_derive(struct keys *k, struct err *e);
/* What hangs on g->reading; may_read from then on. */
int must_check keys_derive_generation(const struct keys *k, struct keys_generation *g,
                                      struct err *e);
/* In its place. ERR_FORMAT when its number is taken. */
int must_check keys_add_generation(struct keys *k, const struct keys_generation *g, struct err *e);
