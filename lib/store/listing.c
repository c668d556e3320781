#include "lib/store/listing.h"

#include <string.h>

#include "lib/base/mem.h"

enum { PAGE = 1000 }; /* as many as object stores give at once */

int store_listing_next(struct store_listing *l, struct store_object **ret, struct err *e)
{
    const bool first = l->page == NULL;

    if (first)
        l->page = mem_alloc(PAGE * sizeof(*l->page));
    if (l->at == l->count) {
        if (!first && l->count < PAGE)
            return 1;
        l->at = l->count = 0;
        if (store_list(l->store, l->prefix, l->fold, l->after, l->page, PAGE, &l->count, e) < 0)
            return -1;
        if (l->count == 0)
            return 1;
        memcpy(l->after, l->page[l->count - 1].name, sizeof(l->after));
    }
    *ret = &l->page[l->at++];
    return 0;
}

void store_listing_deinit(struct store_listing *l)
{
    free(l->page);
    l->page = NULL;
}
