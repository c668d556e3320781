/* Linear probing; ids are hashes already. No id is all zeros, or nobody will ever see one. */
#include "lib/repository/add_ids.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"

enum { CAP_MIN = 1024 };

static const struct chunk_id none;

static size_t home_of(const struct add_ids *s, const struct chunk_id *id)
{
    return bytes_get_u64(id->bytes) & (s->cap - 1);
}

/* Where it is, or where it would be. */
static size_t place_of(const struct add_ids *s, const struct chunk_id *id)
{
    size_t at = home_of(s, id);

    while (!chunk_id_equal(&s->entries[at], &none) && !chunk_id_equal(&s->entries[at], id))
        at = (at + 1) & (s->cap - 1);
    return at;
}

bool add_ids_has(const struct add_ids *s, const struct chunk_id *id)
{
    return s->cap > 0 && chunk_id_equal(&s->entries[place_of(s, id)], id);
}

static void grow(struct add_ids *s)
{
    struct add_ids larger = {.cap = s->cap == 0 ? CAP_MIN : s->cap * 2, .count = s->count};

    larger.entries = mem_alloc(larger.cap * sizeof(*larger.entries));
    for (size_t i = 0; i < s->cap; i++)
        if (!chunk_id_equal(&s->entries[i], &none))
            larger.entries[place_of(&larger, &s->entries[i])] = s->entries[i];
    free(s->entries);
    *s = larger;
}

void add_ids_put(struct add_ids *s, const struct chunk_id *id)
{
    if (s->count * 2 >= s->cap)
        grow(s);
    s->entries[place_of(s, id)] = *id;
    s->count++;
}

void add_ids_remove(struct add_ids *s, const struct chunk_id *id)
{
    if (!add_ids_has(s, id))
        return;
    size_t hole = place_of(s, id), mask = s->cap - 1;
    for (size_t at = (hole + 1) & mask; !chunk_id_equal(&s->entries[at], &none);
         at = (at + 1) & mask) {
        /* Whoever was pushed past the hole on the way from home moves into it. */
        if (((at - home_of(s, &s->entries[at])) & mask) < ((at - hole) & mask))
            continue;
        s->entries[hole] = s->entries[at];
        hole = at;
    }
    s->entries[hole] = none;
    s->count--;
}

void add_ids_deinit(struct add_ids *s)
{
    free(s->entries);
    *s = (struct add_ids){0};
}
