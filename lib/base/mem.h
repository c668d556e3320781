/* mem.h — memory: allocation that cannot fail half-way, and cleanup at the end of a scope.
 *
 * mem_* abort on exhaustion: on Linux a small allocation fails only when the process is past
 * saving, and a half-handled failure is the larger risk. Sizes that come from outside are bounded
 * by the caller BEFORE they reach here. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size);       /* zeroed; never NULL; size 0 gives 1 byte */
void *mem_alloc_pages(size_t size); /* size > 0; as mem_alloc, on a page of its own; free() */
/* Room on pages of its own, zeroed, none of which takes memory before it is written to. Giving it
 * back gives it to the system, which free() of something long need not. Never NULL. */
void *mem_room_new(size_t size);
void mem_room_free(void *p, size_t size);               /* NULL-safe; the same size */
void *mem_resize(void *p, size_t size);                 /* never NULL */
void *mem_resize_array(void *p, size_t n, size_t each); /* aborts on overflow of n * each */
void *mem_copy(const void *p, size_t size);             /* never NULL */
char *mem_strdup(const char *s);                        /* NULL gives NULL */
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Overwrite, in a way that the compiler keeps. */
void mem_wipe(void *p, size_t size);

/* free() for variables declared `_cleanup_free_ char *p = NULL;` */
static inline void mem_freep(void *p)
{
    free(*(void **)p);
}
#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(mem_freep)

/* Hand over ownership: the variable becomes NULL, the value goes on. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
