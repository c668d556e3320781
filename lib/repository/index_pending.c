#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

void index_pending_deinit(struct index_pending *p)
{
    free(p->items);
    free(p->packs);
    free(p->slots);
    *p = (struct index_pending){0};
}

void index_pending_clear(struct index_pending *p)
{
    p->count = 0;
    p->pack_count = 0;
    if (p->slots != NULL)
        memset(p->slots, 0, p->slot_count * sizeof(*p->slots));
}

void index_pending_add_pack(struct index_pending *p, const struct index_pack *pack)
{
    if (p->pack_count == p->pack_room) {
        p->pack_room = p->pack_room == 0 ? 64 : 2 * p->pack_room;
        p->packs = mem_resize_array(p->packs, p->pack_room, sizeof(*p->packs));
    }
    p->packs[p->pack_count++] = *pack;
}

/* Ids are keyed hashes: their first bytes are as good as any. */
size_t index_pending_slot(const struct index_pending *p, const struct chunk_id *id)
{
    return (size_t)index_prefix(id) & (p->slot_count - 1);
}

static void enter(struct index_pending *p, size_t number)
{
    size_t at = index_pending_slot(p, &p->items[number].chunk.id);

    while (p->slots[at] != 0)
        at = (at + 1) & (p->slot_count - 1);
    p->slots[at] = (uint32_t)number + 1;
}

static void grow(struct index_pending *p)
{
    p->room = p->room == 0 ? 1024 : 2 * p->room;
    p->items = mem_resize_array(p->items, p->room, sizeof(*p->items));
    free(p->slots);
    p->slot_count = 2 * p->room;
    p->slots = mem_alloc(p->slot_count * sizeof(*p->slots));
    for (size_t i = 0; i < p->count; i++)
        enter(p, i);
}

void index_pending_add(struct index_pending *p, const struct index_item *x)
{
    if (p->count == p->room)
        grow(p);
    p->items[p->count] = *x;
    p->items[p->count].pack = (uint32_t)p->pack_count - 1;
    enter(p, p->count++);
}

const struct index_item *index_pending_find(const struct index_pending *p,
                                            const struct chunk_id *id, size_t *at)
{
    if (p->slot_count == 0)
        return NULL;
    for (;;) {
        uint32_t number = p->slots[*at];
        if (number == 0)
            return NULL;
        *at = (*at + 1) & (p->slot_count - 1);
        if (chunk_id_equal(&p->items[number - 1].chunk.id, id))
            return &p->items[number - 1];
    }
}

int index_pending_write(struct index_pending *p, const char *dir, struct index_segment *g,
                        struct err *e)
{
    struct index_local_writer *w;
    int rc;

    if (p->slots != NULL) /* the order is about to change */
        memset(p->slots, 0, p->slot_count * sizeof(*p->slots));
    qsort(p->items, p->count, sizeof(*p->items), index_item_compare);
    for (size_t i = 0; i < p->count; i++)
        enter(p, i);
    if (index_local_begin(dir, p->count, &w, e) < 0)
        return -1;
    rc = 0;
    for (size_t i = 0; i < p->count && rc == 0; i++)
        rc = index_local_add(w, &p->items[i], e);
    if (rc < 0) {
        index_local_abort(w);
        return -1;
    }
    g->table.packs = mem_copy(p->packs, p->pack_count * sizeof(*p->packs));
    g->table.pack_count = p->pack_count;
    return index_local_end(w, &g->table, &g->local, &g->filter, e);
}
