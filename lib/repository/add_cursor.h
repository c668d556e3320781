/* add_cursor.h — which chunk stood at this place last time: a cursor over the chunks of a source as
 * last committed (design, "predecessor deltas").
 *
 * What it gives is a guess that costs or spares bytes, never right or wrong ones: a file that does not
 * read or parse ends it, and that is all. */
#pragma once

#include "lib/repository/chunk.h"
#include "lib/repository/cutter.h"

struct add_cursor;

/* Over the content that a list stream in a file refers to. fd: borrowed. */
struct add_cursor *add_cursor_of_content(int fd);
/* Over the chunks of the list stream itself. k is borrowed. */
struct add_cursor *add_cursor_of_list(int fd, const struct keys *k, const struct cutter *cutter);
void add_cursor_free(struct add_cursor *c); /* NULL-safe */
/* A chunk that was known: found not far off, it sets the cursor behind itself. */
void add_cursor_known(struct add_cursor *c, const struct chunk_id *id);
/* A new one takes the chunk at the cursor and moves it by one. False: nothing is left. */
bool add_cursor_next(struct add_cursor *c, struct chunk_id *ret);
