#include <string.h>

#include "lib/repository/collect_parts.h"

enum { LIST_LAG_S = 86400 };

struct doomed {
    struct pack_name *packs; /* owned */
    size_t count;
};

static bool is_due(const struct collector *c, struct wall since)
{
    const struct collect_spec *s = c->spec;

    /* who began before the list said so may count on it, however long that takes; a list is at the
     * store some time after the moment that it names */
    return since.us <= s->now.us - s->trash_s * 1000000 &&
           (s->oldest_run.us == 0 || since.us < s->oldest_run.us - (int64_t)LIST_LAG_S * 1000000);
}

static struct doomed choose(const struct collector *c)
{
    struct doomed d = {.packs = mem_alloc(c->pack_count * sizeof(*d.packs))};

    for (size_t i = 0; i < c->pack_count; i++) {
        const struct collect_pack *p = &c->packs[i];
        /* one that is lost is but a name in the index, which misleads readers */
        if (p->dead && (p->lost || (p->on_trash && is_due(c, p->since))) &&
            (c->spec->delete_max == 0 || d.count < c->spec->delete_max))
            d.packs[d.count++] = p->name;
    }
    return d;
}

/* From everywhere. What a lock protects stays on the list and is tried again. */
static int delete_object(struct collector *c, const char *name, bool *ret_gone, struct err *e)
{
    *ret_gone = true;
    if (collect_cancelled(c, e) < 0 || log_check_holder(c->r->pruner, c->spec->who, e) < 0)
        return -1;
    for (size_t i = 0; i < c->replica_count; i++) {
        struct err why;
        if (c->replicas[i].behind || store_delete(c->replicas[i].store, name, &why) == 0 ||
            why.code == ERR_NOT_FOUND)
            continue;
        if (i == 0 && why.code != ERR_DENIED && why.code != ERR_REFUSED) {
            if (e != NULL)
                *e = why;
            return -1;
        }
        *ret_gone = false;
        collect_problem(c, "%s", why.text);
    }
    return 0;
}

static int delete_packs(struct collector *c, const struct doomed *d, struct err *e)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct collect_pack *p = collect_find_pack(c, &d->packs[i]);
        bool gone;
        char name[80];
        pack_object_name(&p->name, name);
        collect_progress(c, "delete", i, d->count);
        if (delete_object(c, name, &gone, e) < 0)
            return -1;
        if (!gone)
            continue;
        c->result->deleted++;
        c->result->freed_bytes += p->there;
        c->result->on_trash--;
    }
    return 0;
}

/* Segments that were replaced before the list was made, and are still. */
static int delete_segments(struct collector *c, struct index *ix, struct err *e)
{
    const struct pack_name *superseded;
    size_t count;

    index_superseded(ix, &superseded, &count);
    for (size_t i = 0; i < c->trash_count; i++) {
        const struct repository_trash *t = &c->trash[i];
        bool still = false, gone;
        char hex[2 * sizeof(t->pack.bytes) + 1];
        for (size_t k = 0; k < count && t->segment && !still; k++)
            still = memcmp(&superseded[k], &t->pack, sizeof(t->pack)) == 0;
        if (!still || !is_due(c, t->since))
            continue;
        hex_encode(t->pack.bytes, sizeof(t->pack.bytes), hex);
        _cleanup_free_ char *name = mem_printf("index/%s", hex);
        if (delete_object(c, name, &gone, e) < 0)
            return -1;
        c->result->segments_deleted += gone;
    }
    return 0;
}

static bool has_due_segments(const struct collector *c)
{
    for (size_t i = 0; i < c->trash_count; i++)
        if (c->trash[i].segment && is_due(c, c->trash[i].since))
            return true;
    return false;
}

/* The index again, as it is by now, without them; the first replica's, then the others'. */
static int merge_without(struct collector *c, const struct doomed *d, struct err *e)
{
    fetcher_close(TAKE(c->fetcher));
    index_close(TAKE(c->readable));
    index_close(TAKE(c->ix));
    if (index_open(c->r->store, c->r->keys, c->r->cache_dir, false, &c->ix, NULL, e) < 0 ||
        index_merge(c->ix, c->r->store, d->packs, d->count, e) < 0)
        return -1;
    return collect_bring_segments(c, e);
}

int collect_delete(struct collector *c, struct err *e)
{
    struct doomed d = choose(c);
    int rc = 0;

    if (d.count > 0 || has_due_segments(c)) {
        rc = collect_check_new(c, d.packs, d.count, e);
        if (rc == 1) {
            collect_problem(c,
                            "a set was added meanwhile that needs what was on trash: nothing was "
                            "deleted this time");
            free(d.packs);
            return 0;
        }
        if (rc == 0)
            rc = merge_without(c, &d, e);
        if (rc == 0)
            rc = delete_packs(c, &d, e);
        if (rc == 0)
            rc = delete_segments(c, c->ix, e);
    }
    free(d.packs);
    return rc;
}
