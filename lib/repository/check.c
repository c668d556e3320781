#include "lib/repository/check.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/check_parts.h"
#include "lib/repository/object.h"

static void damage_deinit(struct check_damage *d)
{
    free(d->object);
    free(d->text);
    free(d->chunks);
}

void check_result_deinit(struct check_result *r)
{
    for (size_t i = 0; i < r->damage_count; i++)
        damage_deinit(&r->damages[i]);
    free(r->damages);
    *r = (struct check_result){0};
}

void check_add_damage(struct check_result *r, const char *object, bool missing,
                      const struct err *why, const struct chunk_id *chunks, size_t count)
{
    r->damages = mem_resize_array(r->damages, r->damage_count + 1, sizeof(*r->damages));
    r->damages[r->damage_count++] =
        (struct check_damage){.object = mem_strdup(object),
                              .text = mem_strdup(why->text),
                              .missing = missing,
                              .chunks = mem_copy(chunks, count * sizeof(*chunks)),
                              .chunk_count = count};
}

bool check_is_finding(const struct err *why)
{
    return why->code == ERR_DAMAGED || why->code == ERR_FORMAT || why->code == ERR_NOT_FOUND ||
           why->code == ERR_IO || why->code == ERR_KEY;
}

int check_id_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct chunk_id));
}

int check_progress(const struct check_spec *spec, uint64_t bytes, uint64_t total, struct err *e)
{
    return spec->progress != NULL ? spec->progress(spec->arg, bytes, total, e) : 0;
}

static int add_pack(void *arg, const struct index_pack *p, struct err *e)
{
    struct check_packs *packs = arg;

    (void)e;
    if ((packs->count & (packs->count - 1)) == 0) /* doubles at each power of two */
        packs->items = mem_resize_array(packs->items, packs->count == 0 ? 1 : 2 * packs->count,
                                        sizeof(*packs->items));
    packs->items[packs->count++] = *p;
    return 0;
}

int check_list_packs(const struct check_spec *spec, struct check_packs *ret, struct err *e)
{
    *ret = (struct check_packs){0};
    return index_each_pack(spec->index, add_pack, ret, e);
}

struct of_pack {
    const struct pack_name *pack;
    struct chunk_id *ids;
    size_t count;
};

static int add_if_there(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    struct of_pack *o = arg;

    (void)ordinal;
    (void)e;
    if (memcmp(&x->pack, o->pack, sizeof(*o->pack)) != 0)
        return 0;
    o->ids = mem_resize_array(o->ids, o->count + 1, sizeof(*o->ids));
    o->ids[o->count++] = x->chunk.id;
    return 0;
}

static int chunks_of(const struct check_spec *spec, const struct pack_name *pack,
                     struct chunk_id **ret, size_t *ret_count, struct err *e)
{
    struct of_pack o = {.pack = pack};
    int rc = index_each(spec->index, add_if_there, &o, e);

    *ret = o.ids;
    *ret_count = o.count;
    return rc;
}

struct named {
    struct check_result *result;
    bool *still; /* of each damage */
};

static int mark_named(void *arg, const struct index_pack *p, struct err *e)
{
    struct named *n = arg;
    char object[80];

    (void)e;
    pack_object_name(&p->name, object);
    for (size_t i = 0; i < n->result->damage_count; i++)
        n->still[i] |= strcmp(n->result->damages[i].object, object) == 0;
    return 0;
}

/* A prune may have run meanwhile: what is missing and in no segment any more, nobody needs. */
int check_forget_deleted(const struct check_spec *spec, struct check_result *r, struct err *e)
{
    const struct repository *of = spec->repository;
    _cleanup_free_ bool *still = mem_alloc(r->damage_count * sizeof(*still));
    struct named named = {r, still};
    struct index *now;
    size_t kept = 0;
    bool any = false;

    for (size_t i = 0; i < r->damage_count; i++) {
        still[i] = !r->damages[i].missing || !str_starts(r->damages[i].object, "packs/");
        any |= !still[i];
    }
    if (!any)
        return 0;
    if (index_open(of->store, of->keys, of->cache_dir, true, &now, NULL, e) < 0)
        return -1;
    int rc = index_each_pack(now, mark_named, &named, e);
    index_close(now);
    for (size_t i = 0; i < r->damage_count && rc == 0; i++) {
        if (still[i])
            r->damages[kept++] = r->damages[i];
        else
            damage_deinit(&r->damages[i]);
    }
    r->damage_count = rc == 0 ? kept : r->damage_count;
    return rc;
}

int check_name_chunks(const struct check_spec *spec, struct check_result *ret, struct err *e)
{
    for (size_t i = 0; i < ret->damage_count; i++) {
        struct check_damage *d = &ret->damages[i];
        struct pack_name name;
        if (d->chunk_count > 0 || pack_name_parse(d->object, &name, NULL) < 0)
            continue;
        free(TAKE(d->chunks));
        if (chunks_of(spec, &name, &d->chunks, &d->chunk_count, e) < 0)
            return -1;
    }
    return 0;
}
