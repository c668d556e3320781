#include <string.h>

#include "lib/repository/collect_parts.h"

#include "lib/store/listing.h"

static int compare(const void *a, const void *b)
{
    return memcmp(&((const struct collect_pack *)a)->name, &((const struct collect_pack *)b)->name,
                  sizeof(struct pack_name));
}

struct collect_pack *collect_find_pack(const struct collector *c, const struct pack_name *name)
{
    struct collect_pack key = {.name = *name};

    return c->pack_count == 0 ? NULL : bsearch(&key, c->packs, c->pack_count, sizeof(key), compare);
}

struct room {
    struct collector *c;
    size_t cap;
};

static struct collect_pack *append(struct room *r)
{
    struct collector *c = r->c;

    if (c->pack_count == r->cap) {
        r->cap = r->cap == 0 ? 1024 : 2 * r->cap;
        c->packs = mem_resize_array(c->packs, r->cap, sizeof(*c->packs));
    }
    struct collect_pack *p = &c->packs[c->pack_count++];
    *p = (struct collect_pack){0};
    return p;
}

static int add_indexed(void *arg, const struct index_pack *x, struct err *e)
{
    struct collect_pack *p = append(arg);

    (void)e;
    p->name = x->name;
    p->len = x->len;
    p->chunk_bytes = x->chunk_bytes;
    p->indexed = true;
    return 0;
}

/* Those of one replica; the same pack comes up several times and is put together afterwards. */
static int add_listed(struct room *r, const struct collect_replica *x, bool first, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = x->store,
                                                                 .prefix = "packs/"};
    struct store_object *o;
    int rc;

    while ((rc = store_listing_next(&list, &o, e)) == 0) {
        struct pack_name name;
        if (collect_cancelled(r->c, e) < 0)
            return -1;
        if (o->size > PACK_MAX || pack_name_parse(o->name, &name, NULL) < 0)
            continue;
        struct collect_pack *p = append(r);
        p->name = name;
        p->there = (uint32_t)o->size;
        p->at_store = first;
        p->modified = o->modified;
    }
    return rc < 0 ? -1 : 0;
}

static void merge_same(struct collector *c)
{
    size_t kept = 0;

    if (c->pack_count > 0)
        qsort(c->packs, c->pack_count, sizeof(*c->packs), compare);
    for (size_t i = 0; i < c->pack_count; i++) {
        struct collect_pack *last = kept > 0 ? &c->packs[kept - 1] : NULL, *p = &c->packs[i];
        if (last == NULL || compare(last, p) != 0) {
            c->packs[kept++] = *p;
            continue;
        }
        if (p->indexed) {
            last->len = p->len;
            last->chunk_bytes = p->chunk_bytes;
            last->indexed = true;
        }
        if (p->at_store || last->there == 0)
            last->there = p->there;
        last->at_store |= p->at_store;
        if (p->modified.us > last->modified.us)
            last->modified = p->modified;
    }
    c->pack_count = kept;
    for (size_t i = 0; i < kept; i++) { /* one that is cut off is as good as gone */
        struct collect_pack *p = &c->packs[i];
        p->at_store &= !p->indexed || p->there == p->len;
    }
}

/* Lists may be old: only who is asked for a pack by name can tell that it is not there. */
static int confirm_lost(struct collector *c, struct err *e)
{
    for (size_t i = 0; i < c->pack_count; i++) {
        struct collect_pack *p = &c->packs[i];
        struct store_object there;
        struct err why = {0};
        char name[80];
        if (!p->indexed || p->at_store)
            continue;
        pack_object_name(&p->name, name);
        if (store_stat(c->r->store, name, &there, &why) == 0) {
            p->at_store = there.size == p->len;
        } else if (why.code != ERR_NOT_FOUND) {
            if (e != NULL)
                *e = why;
            return -1;
        }
        p->lost = why.code == ERR_NOT_FOUND && !p->at_store && p->there == 0;
    }
    return 0;
}

int collect_list_packs(struct collector *c, struct err *e)
{
    struct room room = {.c = c};

    if (index_each_pack(c->ix, add_indexed, &room, e) < 0)
        return -1;
    for (size_t i = 0; i < c->replica_count; i++) {
        struct err why;
        if (c->replicas[i].behind || add_listed(&room, &c->replicas[i], i == 0, &why) == 0)
            continue;
        if (i == 0 || why.code == ERR_CANCELLED) {
            if (e != NULL)
                *e = why;
            return -1;
        }
        c->replicas[i].behind = true;
        collect_problem(c, "%s is left alone: %s", store_place(c->replicas[i].store), why.text);
    }
    merge_same(c);
    if (confirm_lost(c, e) < 0)
        return -1;
    for (size_t i = 0; i < c->spec->damaged_count; i++) {
        struct collect_pack *p = collect_find_pack(c, &c->spec->damaged[i]);
        if (p != NULL)
            p->damaged = true;
    }
    for (size_t i = 0; i < c->trash_count; i++) {
        struct collect_pack *p =
            c->trash[i].segment ? NULL : collect_find_pack(c, &c->trash[i].pack);
        if (p != NULL) {
            p->on_trash = true;
            p->since = c->trash[i].since;
        }
    }
    return 0;
}

/* --- the entries of one id --- */
struct sweep {
    struct collector *c;
    collect_each *each;
    void *arg;
    struct index_entry best;
    struct collect_pack *best_pack;
    int best_rank; /* -1: nothing yet */
    bool marked;
};

/* Of copies that are alike the newer one: what was stored again was stored because the older is damaged, which a
 * pruner on another machine was never told. */
static bool is_better(const struct sweep *s, int rank, const struct collect_pack *p)
{
    return rank > s->best_rank ||
           (rank == s->best_rank && p->modified.us > s->best_pack->modified.us);
}

static int rank_of(const struct index_entry *x, const struct collect_pack *p)
{
    return (p->at_store && !p->damaged ? 8 : 0) + (p->at_store ? 4 : 0) +
           (x->chunk.codec != CHUNK_DELTA ? 2 : 0) + (p->on_trash ? 0 : 1);
}

static int tell_best(struct sweep *s, struct err *e)
{
    int rc = s->best_rank >= 0 ? s->each(s->c, &s->best, s->best_pack, s->arg, e) : 0;

    s->best_rank = -1;
    return rc;
}

static int sweep_entry(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    struct sweep *s = arg;
    struct collector *c = s->c;
    bool same = ordinal > 0 && chunk_id_equal(&s->best.chunk.id, &x->chunk.id);

    if (!same) {
        if (tell_best(s, e) < 0)
            return -1;
        s->marked = (c->marks[ordinal / 8] & (1U << (ordinal % 8))) != 0;
        s->best = *x;
        s->best_pack = NULL;
    }
    if (!s->marked)
        return 0;
    struct collect_pack *p = collect_find_pack(c, &x->pack);
    if (p == NULL)
        return err_set(e, ERR_INTERNAL, "an entry of the index whose pack is not in its table");
    int rank = rank_of(x, p);
    if (is_better(s, rank, p)) {
        s->best = *x;
        s->best_pack = p;
        s->best_rank = rank;
    }
    return 0;
}

int collect_sweep(struct collector *c, collect_each *each, void *arg, struct err *e)
{
    struct sweep s = {.c = c, .each = each, .arg = arg, .best_rank = -1};

    if (collect_cancelled(c, e) < 0 || index_each(c->ix, sweep_entry, &s, e) < 0)
        return -1;
    return tell_best(&s, e);
}

static int note_base(struct collector *c, const struct index_entry *x, struct collect_pack *p,
                     void *arg, struct err *e)
{
    (void)p;
    return x->chunk.codec == CHUNK_DELTA ? collect_note(c, &x->chunk.base, arg, e) : 0;
}

static int account(struct collector *c, const struct index_entry *x, struct collect_pack *p,
                   void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    p->live_bytes += x->chunk.stored + SEAL_TAG_LEN;
    c->result->live_chunks++;
    c->result->live_bytes += x->chunk.stored + SEAL_TAG_LEN;
    return 0;
}

int collect_account(struct collector *c, struct err *e)
{
    bool more = true;

    while (more) { /* a base that is marked is kept whole: twice is enough, but for damage */
        more = false;
        if (collect_sweep(c, note_base, &more, e) < 0 || collect_mark_noted(c, &more, e) < 0)
            return -1;
    }
    if (collect_sweep(c, account, NULL, e) < 0)
        return -1;
    for (size_t i = 0; i < c->pack_count; i++) {
        struct collect_pack *p = &c->packs[i];
        c->result->packs += p->indexed;
        p->dead = p->indexed && p->live_bytes == 0;
        if (p->live_bytes > 0 && !p->at_store) {
            char name[80];
            pack_object_name(&p->name, name);
            c->result->missing++;
            collect_problem(c, "%s is missing or cut off, and sets need it (synbakctl verify)",
                            name);
        }
    }
    return 0;
}
