/* tracking_cursor.h — a list stream in a file, read forwards record by record. Private to tracking*.c. */
#pragma once

#include "lib/repository/list.h"

struct tracking_cursor;
/* fd is borrowed; read from its beginning, wherever it stands. */
struct tracking_cursor *tracking_cursor_new(int fd);
void tracking_cursor_free(struct tracking_cursor *c); /* NULL-safe */
/* The record to come, until it is taken. 0: *ret, borrowed until the call after it was taken;
 * 1: the stream has ended as it should. ERR_DAMAGED, ERR_IO: and so again. */
int must_check tracking_cursor_peek(struct tracking_cursor *c, const struct list_record **ret,
                                    struct err *e);
void tracking_cursor_take(struct tracking_cursor *c);
/* The same, but what goes on with the content of an entry is taken and left out. */
int must_check tracking_cursor_peek_entry(struct tracking_cursor *c, const struct list_entry **ret,
                                          struct err *e);
