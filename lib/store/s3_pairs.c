#include "lib/store/s3_pairs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

static void take(struct s3_pairs *p, const char *name, char *value)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].name, name) == 0) {
            free(p->items[i].value);
            p->items[i].value = value;
            return;
        }
    }
    if (p->count == S3_PAIRS_MAX)
        abort(); /* the names are our own and fewer */
    p->items[p->count++] = (struct s3_pair){name, value};
}

void s3_pairs_set(struct s3_pairs *p, const char *name, const char *value)
{
    if (value != NULL)
        take(p, name, mem_strdup(value));
}

void s3_pairs_setf(struct s3_pairs *p, const char *name, const char *fmt, ...)
{
    char *value = NULL;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&value, fmt, args);
    va_end(args);
    if (n < 0)
        abort(); /* memory, as in mem.h */
    take(p, name, value);
}

const char *s3_pairs_get(const struct s3_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].name, name) == 0)
            return p->items[i].value;
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct s3_pair *)a)->name, ((const struct s3_pair *)b)->name);
}

void s3_pairs_sort(struct s3_pairs *p)
{
    if (p->count > 1)
        qsort(p->items, p->count, sizeof(p->items[0]), by_name);
}

void s3_pairs_copy(struct s3_pairs *to, const struct s3_pairs *from)
{
    for (size_t i = 0; from != NULL && i < from->count; i++)
        s3_pairs_set(to, from->items[i].name, from->items[i].value);
}

void s3_pairs_deinit(struct s3_pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_wipe(p->items[i].value, strlen(p->items[i].value));
        free(p->items[i].value);
    }
    p->count = 0;
}
