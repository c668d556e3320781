/* dump_walk.h — the two walkers behind dump_stream.h; for lib/postgres/dump_*.c only. */
#pragma once

#include <stdbool.h>

#include "lib/postgres/dump_stream.h"

struct custom_walk;
struct custom_walk *custom_walk_new(struct dump_info *info); /* info: borrowed, filled as it goes */
int must_check custom_walk_feed(struct custom_walk *w, const uint8_t *data, size_t len,
                                struct err *e);
int must_check custom_walk_end(const struct custom_walk *w, struct err *e);
void custom_walk_free(struct custom_walk *w);

struct text_walk;
struct text_walk *text_walk_new(bool globals, struct dump_info *info); /* info: as above */
void text_walk_feed(struct text_walk *w, const uint8_t *data, size_t len);
int must_check text_walk_end(struct text_walk *w, struct err *e);
void text_walk_free(struct text_walk *w);
