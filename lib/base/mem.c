#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *or_abort(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

void *mem_alloc(size_t size)
{
    return or_abort(calloc(1, size ? size : 1));
}

void *mem_alloc_room(size_t size)
{
    enum { PAGE = 4096 };

    return or_abort(aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE));
}

void *mem_alloc_pages(size_t size)
{
    return memset(mem_alloc_room(size), 0, size);
}

void *mem_resize(void *p, size_t size)
{
    return or_abort(realloc(p, size ? size : 1));
}

void *mem_resize_array(void *p, size_t n, size_t each)
{
    size_t total;

    if (__builtin_mul_overflow(n, each, &total))
        abort();
    return mem_resize(p, total);
}

void *mem_copy(const void *p, size_t size)
{
    void *copy = mem_alloc(size);

    if (size > 0)
        memcpy(copy, p, size);
    return copy;
}

char *mem_strdup(const char *s)
{
    return s == NULL ? NULL : or_abort(strdup(s));
}

char *mem_strndup(const char *s, size_t len)
{
    return or_abort(strndup(s, len));
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    return n < 0 ? or_abort(NULL) : text;
}

void mem_wipe(void *p, size_t size)
{
    if (p != NULL)
        explicit_bzero(p, size);
}
