#include "daemon/stretched.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

struct stretched {
    struct item {
        char *destination;
        struct secret secret;
    } * items; /* owned */
    size_t count;
};

struct stretched *stretched_new(void)
{
    return mem_alloc(sizeof(struct stretched));
}

void stretched_free(struct stretched *s)
{
    if (s == NULL)
        return;
    stretched_wipe(s);
    free(s);
}

static struct item *find(const struct stretched *s, const char *destination)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_equal(s->items[i].destination, destination))
            return &s->items[i];
    return NULL;
}

const char *stretched_find(const struct stretched *s, const char *destination)
{
    const struct item *x = find(s, destination);

    return x != NULL ? x->secret.text : NULL;
}

void stretched_note(struct stretched *s, const char *destination, const char *text)
{
    struct item *x = find(s, destination);

    if (x == NULL) {
        s->items = mem_resize_array(s->items, s->count + 1, sizeof(*s->items));
        x = &s->items[s->count++];
        *x = (struct item){.destination = mem_strdup(destination)};
    }
    secret_deinit(&x->secret);
    x->secret = secret_copy(text, strlen(text));
}

void stretched_wipe(struct stretched *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].destination);
        secret_deinit(&s->items[i].secret);
    }
    free(s->items);
    *s = (struct stretched){0};
}
