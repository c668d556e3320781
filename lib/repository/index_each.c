#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

static int pack_compare(const void *a, const void *b)
{
    const struct index_pack *x = a, *y = b;

    return memcmp(&x->name, &y->name, sizeof(x->name));
}

int index_each_pack(struct index *ix,
                    int (*each)(void *arg, const struct index_pack *p, struct err *e), void *arg,
                    struct err *e)
{
    _cleanup_free_ struct index_pack *packs = NULL;
    size_t count = 0, total = 0;
    int rc = 0;

    (void)pthread_rwlock_rdlock(&ix->lock);
    for (size_t i = 0; i < ix->segment_count; i++)
        total += ix->segments[i]->table.pack_count;
    packs = mem_alloc(total * sizeof(*packs));
    for (size_t i = 0; i < ix->segment_count; i++) {
        const struct index_segment *g = ix->segments[i];
        for (uint32_t j = 0; j < g->table.pack_count; j++)
            if (!index_segment_excludes(g, j))
                packs[count++] = g->table.packs[j];
    }
    (void)pthread_rwlock_unlock(&ix->lock);
    qsort(packs, count, sizeof(*packs), pack_compare);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (i == 0 || pack_compare(&packs[i - 1], &packs[i]) != 0)
            rc = each(arg, &packs[i], e);
    return rc;
}

int index_each(struct index *ix,
               int (*each)(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e),
               void *arg, struct err *e)
{
    struct index_cursor_item item;
    uint64_t ordinal = 0;
    int rc;

    if (index_localize(ix, e) < 0)
        return -1;
    struct index_cursor *c = index_cursor_new(ix, ix->segments, ix->segment_count);
    while ((rc = index_cursor_next(c, &item, e)) == 0) {
        const struct index_pack *p = &item.segment->table.packs[item.x.pack];
        struct index_entry x = {.chunk = item.x.chunk,
                                .pack = p->name,
                                .pack_len = p->len,
                                .offset = item.x.offset,
                                .rebuilt = !item.segment->stored};
        if (!index_segment_excludes(item.segment, item.x.pack) && each(arg, &x, ordinal, e) < 0) {
            rc = -1;
            break;
        }
        ordinal++;
    }
    index_cursor_free(c);
    return rc < 0 ? -1 : 0;
}
