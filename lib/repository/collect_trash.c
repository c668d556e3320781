#include <stdio.h>
#include <string.h>

#include "lib/repository/collect_parts.h"
#include "lib/repository/object.h"

enum { DAY_S = 86400, NAMES_MAX = 1 << 20, DIGITS = 12 };

/* A pack that no segment names may be one of a run that is under way. */
static bool is_orphan(const struct collector *c, const struct collect_pack *p)
{
    const struct collect_spec *s = c->spec;

    if (p->indexed || c->incomplete)
        return false;
    return p->modified.us < s->now.us - (int64_t)DAY_S * 1000000 &&
           (s->oldest_run.us == 0 || p->modified.us < s->oldest_run.us);
}

/* As collect_sort_trash leaves it. */
static int compare(const void *a, const void *b)
{
    const struct repository_trash *x = a, *y = b;

    if (x->segment != y->segment)
        return x->segment ? 1 : -1;
    return memcmp(&x->pack, &y->pack, sizeof(x->pack));
}

void collect_sort_trash(struct collector *c)
{
    if (c->trash_count > 0)
        qsort(c->trash, c->trash_count, sizeof(*c->trash), compare);
}

static const struct repository_trash *on_list(const struct collector *c,
                                              const struct pack_name *name, bool segment)
{
    const struct repository_trash key = {.pack = *name, .segment = segment};

    return c->trash_count == 0 ? NULL
                               : bsearch(&key, c->trash, c->trash_count, sizeof(key), compare);
}

struct list {
    struct repository_trash *items; /* owned */
    size_t count;
};

static void add(struct list *l, const struct pack_name *name, bool segment, struct wall since)
{
    l->items = mem_resize_array(l->items, l->count + 1, sizeof(*l->items));
    l->items[l->count++] =
        (struct repository_trash){.pack = *name, .segment = segment, .since = since};
}

/* As late as can be told: marking may have taken hours, and a clock that went back since the last record
 * must not make the wait shorter. Whole seconds, as it is written. */
static struct wall present(const struct collector *c)
{
    int64_t now_us = c->spec->now.us + clock_mono().us - c->began.us;
    size_t count = log_count(c->r->pruner);

    if (count > 0 && log_at(c->r->pruner, count - 1).time.us > now_us)
        now_us = log_at(c->r->pruner, count - 1).time.us;
    return (struct wall){now_us / 1000000 * 1000000};
}

/* A replica may have been filled while it was on trash, and left it out. */
static void leave_trash(struct collector *c, const struct collect_pack *p)
{
    char name[80];

    if (!p->on_trash || !p->at_store || c->replica_count == 1)
        return;
    pack_object_name(&p->name, name);
    collect_bring(c, name);
}

static void list_packs(struct collector *c, struct list *l)
{
    const struct wall now = present(c);

    for (size_t i = 0; i < c->pack_count; i++) {
        struct collect_pack *p = &c->packs[i];
        bool orphan = is_orphan(c, p);
        if (!p->dead && !orphan) {
            leave_trash(c, p);
            continue;
        }
        if (!p->on_trash)
            p->since = now;
        p->dead = true;
        add(l, &p->name, false, p->since);
        c->result->on_trash++;
        c->result->orphans += orphan;
        c->result->trash_bytes += p->there;
    }
}

static void list_segments(struct collector *c, struct list *l)
{
    const struct pack_name *names;
    const struct wall now = present(c);
    size_t count;

    index_superseded(c->ix, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct repository_trash *old = on_list(c, &names[i], true);
        add(l, &names[i], true, old != NULL ? old->since : now);
    }
}

static bool same(const struct collector *c, const struct list *l)
{
    if (l->count != c->trash_count)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        const struct repository_trash *old = on_list(c, &l->items[i].pack, l->items[i].segment);
        if (old == NULL || old->since.us != l->items[i].since.us)
            return false;
    }
    return true;
}

static uint64_t newest_list(const struct collector *c)
{
    for (size_t i = log_count(c->r->pruner); i-- > 0;) {
        const struct log_record x = log_at(c->r->pruner, i);
        if (strcmp(x.kind, "trash") == 0)
            return x.head.number;
    }
    return 0;
}

/* Lists that newer ones replaced, once nobody can be about to read them. */
static void delete_old_lists(struct collector *c, uint64_t newest)
{
    struct strlist names = {0};

    if (object_names(c->r->store, "trash/", NAMES_MAX, &names, NULL) < 0) {
        strlist_deinit(&names);
        return; /* next time */
    }
    for (size_t i = 0; i < names.count; i++) {
        int64_t number = object_number(names.items[i], DIGITS);
        struct store_object x;
        _cleanup_free_ char *name = mem_printf("trash/%s", names.items[i]);
        if (number <= 0 || (uint64_t)number >= newest ||
            store_stat(c->r->store, name, &x, NULL) < 0 ||
            x.modified.us > c->spec->now.us - c->spec->trash_s * 1000000)
            continue;
        for (size_t k = 0; k < c->replica_count; k++)
            if (!c->replicas[k].behind)
                (void)(store_delete(c->replicas[k].store, name, NULL) == 0);
    }
    strlist_deinit(&names);
}

int collect_put_list(struct collector *c, struct err *e)
{
    struct list l = {0};

    list_packs(c, &l);
    list_segments(c, &l);
    int rc = 0;
    if (!same(c, &l)) {
        rc = collect_cancelled(c, e);
        if (rc == 0)
            rc = repository_put_trash(c->r, c->spec->who, l.items, l.count, e);
        if (rc == 0) {
            uint64_t newest = newest_list(c);
            char name[64];
            (void)snprintf(name, sizeof(name), "trash/%012llu", (unsigned long long)newest);
            collect_bring(c, name); /* the object before the record that names it */
            collect_replicate_log(c);
            delete_old_lists(c, newest);
        }
    }
    free(l.items);
    return rc;
}
