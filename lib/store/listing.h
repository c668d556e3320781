/* listing.h — every object below a prefix, one by one, over the pages of store_list.
 *
 *   _cleanup_(store_listing_deinit) struct store_listing l = {.store = s, .prefix = "packs/"};
 *   while ((rc = store_listing_next(&l, &object, e)) == 0) …
 *
 * Blocks at each page. Memory: a page. */
#pragma once

#include "lib/store/store.h"

struct store_listing {
    struct store *store;            /* borrowed */
    const char *prefix;             /* borrowed */
    bool fold;                      /* as of store_list */
    char after[STORE_NAME_MAX + 1]; /* exclusive; goes along */
    struct store_object *page;      /* owned; NULL at first */
    size_t count, at;
};
/* 0: *ret, borrowed until the next call; 1: no more. */
int must_check store_listing_next(struct store_listing *l, struct store_object **ret,
                                  struct err *e);
void store_listing_deinit(struct store_listing *l);
