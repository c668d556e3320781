/* set_lists.h — what a set's manifest says of its artifacts, as far as a repository needs it: which lists
 * there are. */
#pragma once

#include "lib/base/json.h"
#include "lib/repository/fetch.h"

enum { SET_MANIFEST_MAX = 4 << 20 };

struct set_list {
    const char *source, *kind, *database; /* into the manifest; database may be NULL */
    bool tree;
    struct chunk_ref *refs; /* owned */
    size_t count;
};
struct set_lists {
    json_t *manifest;       /* owned */
    struct set_list *items; /* owned */
    size_t count;
};
void set_lists_deinit(struct set_lists *l);
/* The JSON of a manifest. ERR_FORMAT. Pure. */
int must_check set_lists_parse(const char *text, size_t len, struct set_lists *ret, struct err *e);
/* ERR_DAMAGED, ERR_FORMAT, ERR_NOT_FOUND as of fetcher_chunk. Blocks. */
int must_check set_lists_read(struct fetcher *f, const struct chunk_ref *manifest,
                              struct set_lists *ret, struct err *e);
