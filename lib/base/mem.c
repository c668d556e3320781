#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

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

void *mem_alloc_pages(size_t size)
{
    enum { PAGE = 4096 };
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;

    return memset(or_abort(aligned_alloc(PAGE, whole)), 0, whole);
}

void *mem_room_new(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return or_abort(p == MAP_FAILED ? NULL : p);
}

void mem_room_free(void *p, size_t size)
{
    if (p != NULL)
        (void)munmap(p, size);
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
