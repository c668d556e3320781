/* buf.h — a growable run of bytes that declares its maximum at birth. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct buf {
    uint8_t *data; /* owned; data[len] is always 0 when data is not NULL, so it reads as a string */
    size_t len;
    size_t cap;
    size_t max; /* appending past it fails with ERR_LIMIT */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

void buf_deinit(struct buf *b); /* frees; leaves an empty buffer with the same maximum */
void buf_wipe(struct buf *b);   /* as deinit, overwriting first: for secrets */
void buf_clear(struct buf *b);  /* len = 0, memory kept */
int must_check buf_append(struct buf *b, const void *data, size_t len, struct err *e);
int must_check buf_printf(struct buf *b, struct err *e, const char *fmt, ...) printf_like(3, 4);
int must_check buf_reserve(struct buf *b, size_t more,
                           struct err *e);   /* room for `more` behind len */
void buf_consume(struct buf *b, size_t len); /* drop from the front; len <= b->len */
char *buf_take_string(struct buf *b);        /* owned, never NULL; b is empty then */
