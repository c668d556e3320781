/* index_missing.c — what an index promises and the store does not have: whoever counted on it would make
 * sets that cannot be read. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index.h"
#include "lib/repository/pack.h"
#include "lib/store/listing.h"

struct present {
    struct pack_name name;
    uint64_t len;
};

struct missing {
    struct present *present; /* owned, in order of names */
    size_t present_count, room;
    struct pack_name *gone; /* owned */
    size_t gone_count;
};

static int compare(const void *a, const void *b)
{
    return memcmp(&((const struct present *)a)->name, &((const struct present *)b)->name,
                  sizeof(struct pack_name));
}

static void add(struct missing *m, const struct store_object *x)
{
    struct present p = {.len = x->size};

    if (pack_name_parse(x->name, &p.name, NULL) < 0)
        return;
    if (m->present_count == m->room) {
        m->room = m->room == 0 ? 1024 : 2 * m->room;
        m->present = mem_resize_array(m->present, m->room, sizeof(*m->present));
    }
    m->present[m->present_count++] = p;
}

static int list(struct missing *m, struct store *s, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing all = {.store = s, .prefix = "packs/"};
    struct store_object *x;
    int rc;

    while ((rc = store_listing_next(&all, &x, e)) == 0)
        add(m, x);
    if (rc < 0)
        return -1;
    if (m->present_count > 0)
        qsort(m->present, m->present_count, sizeof(*m->present), compare);
    return 0;
}

static int look(void *arg, const struct index_pack *x, struct err *e)
{
    struct missing *m = arg;
    const struct present key = {.name = x->name};
    const struct present *p =
        m->present_count == 0 ? NULL
                              : bsearch(&key, m->present, m->present_count, sizeof(key), compare);

    (void)e;
    if (p != NULL && p->len == x->len)
        return 0;
    m->gone = mem_resize_array(m->gone, m->gone_count + 1, sizeof(*m->gone));
    m->gone[m->gone_count++] = x->name;
    return 0;
}

int index_exclude_missing(struct index *ix, struct store *s, size_t *ret_count, struct err *e)
{
    struct missing m = {0};
    int rc = list(&m, s, e);

    if (rc == 0)
        rc = index_each_pack(ix, look, &m, e);
    if (rc == 0) {
        index_exclude(ix, m.gone, m.gone_count);
        *ret_count = m.gone_count;
    }
    free(m.present);
    free(m.gone);
    return rc;
}
