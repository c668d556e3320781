#include "lib/base/buf.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

void buf_deinit(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_wipe(struct buf *b)
{
    mem_wipe(b->data, b->cap);
    buf_deinit(b);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = 0;
}

int buf_reserve(struct buf *b, size_t more, struct err *e)
{
    size_t need;

    if (__builtin_add_overflow(b->len, more, &need) || need > b->max)
        return err_set(e, ERR_LIMIT, "more than %zu bytes", b->max);
    if (need + 1 <= b->cap)
        return 0;
    size_t cap = b->cap < 64 ? 64 : b->cap * 2;
    if (cap < need + 1)
        cap = need + 1;
    if (cap > b->max + 1)
        cap = b->max + 1;
    /* not realloc: the old bytes may be a secret's */
    uint8_t *data = mem_alloc(cap);
    if (b->len > 0)
        memcpy(data, b->data, b->len);
    mem_wipe(b->data, b->cap);
    free(b->data);
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *data, size_t len, struct err *e)
{
    if (buf_reserve(b, len, e) < 0)
        return -1;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
    return 0;
}

int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return err_set(e, ERR_INTERNAL, "formatting failed");
    int rc = buf_append(b, text, (size_t)n, e);
    free(text);
    return rc;
}

void buf_consume(struct buf *b, size_t len)
{
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
    b->data[b->len] = 0;
}

char *buf_take_string(struct buf *b)
{
    char *text = b->data == NULL ? mem_strdup("") : (char *)b->data;
    *b = BUF_INIT(b->max);
    return text;
}
