/* check_touched.c — what is lost is gathered, with the deltas that hang on it; then every list is read,
 * and who needs any of it told once. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/check_parts.h"

struct touched {
    const struct check_spec *spec;
    struct chunk_id *lost; /* owned, sorted */
    size_t count, room, sorted;
    struct fetcher *fetcher;
    int (*each)(void *arg, const struct check_touched *t, struct err *e);
    void *arg;
    struct check_touched at;
};

static bool is_lost(const struct touched *t, const struct chunk_id *id)
{
    return t->sorted > 0 && bsearch(id, t->lost, t->sorted, sizeof(*id), check_id_compare) != NULL;
}

static void add(struct touched *t, const struct chunk_id *id)
{
    if (t->count == t->room) {
        t->room = t->room == 0 ? 256 : 2 * t->room;
        t->lost = mem_resize_array(t->lost, t->room, sizeof(*t->lost));
    }
    t->lost[t->count++] = *id;
}

static void sort(struct touched *t)
{
    if (t->count > 0)
        qsort(t->lost, t->count, sizeof(*t->lost), check_id_compare);
    t->sorted = t->count;
}

static int add_delta(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    struct touched *t = arg;

    (void)ordinal;
    (void)e;
    if (x->chunk.codec == CHUNK_DELTA && is_lost(t, &x->chunk.base))
        add(t, &x->chunk.id);
    return 0;
}

struct copies {
    struct touched *touched;
    const struct check_result *found;
    struct chunk_id *whole; /* owned: lost in one pack, and whole in another */
    size_t count;
};

static bool is_hurt(const struct check_result *found, const struct pack_name *pack)
{
    char name[80];

    pack_object_name(pack, name);
    for (size_t i = 0; i < found->damage_count; i++)
        if (strcmp(found->damages[i].object, name) == 0)
            return true;
    return false;
}

static int add_copy(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    struct copies *c = arg;

    (void)ordinal;
    (void)e;
    if (!is_lost(c->touched, &x->chunk.id) || is_hurt(c->found, &x->pack))
        return 0;
    c->whole = mem_resize_array(c->whole, c->count + 1, sizeof(*c->whole));
    c->whole[c->count++] = x->chunk.id;
    return 0;
}

/* A later run stores again what it finds missing: then nobody is touched by the loss. */
static int leave_out_copies(struct touched *t, const struct check_result *found, struct err *e)
{
    struct copies c = {.touched = t, .found = found};
    size_t kept = 0;
    int rc = index_each(t->spec->index, add_copy, &c, e);

    if (rc == 0 && c.count > 0) {
        qsort(c.whole, c.count, sizeof(*c.whole), check_id_compare);
        for (size_t i = 0; i < t->count; i++)
            if (bsearch(&t->lost[i], c.whole, c.count, sizeof(*c.whole), check_id_compare) == NULL)
                t->lost[kept++] = t->lost[i];
        t->count = t->sorted = kept;
    }
    free(c.whole);
    return rc;
}

static int gather(struct touched *t, const struct check_result *found, struct err *e)
{
    for (size_t i = 0; i < found->damage_count; i++)
        for (size_t j = 0; j < found->damages[i].chunk_count; j++)
            add(t, &found->damages[i].chunks[j]);
    sort(t);
    if (t->count > 0 && leave_out_copies(t, found, e) < 0)
        return -1;
    if (t->count > 0 && index_each(t->spec->index, add_delta, t, e) < 0)
        return -1;
    sort(t);
    return 0;
}

static bool any_lost(const struct touched *t, const struct chunk_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_lost(t, &refs[i].id))
            return true;
    return false;
}

static int tell(struct touched *t, const char *path, struct err *e)
{
    t->at.path = path;
    return t->each(t->arg, &t->at, e);
}

static int walk_records(struct touched *t, struct list_reader *reader, struct err *e)
{
    _cleanup_free_ char *path = NULL;
    struct list_record r;
    bool told = false;
    int rc;

    while ((rc = list_reader_next(reader, &r, e)) == 0) {
        if (r.type == LIST_ENTRY) {
            free(path);
            path = mem_strdup(r.entry.path);
            told = false;
        }
        bool lost = r.type == LIST_ENTRY ? any_lost(t, r.entry.refs, r.entry.ref_count)
                                         : any_lost(t, r.refs, r.ref_count);
        if (lost && !told && tell(t, path, e) < 0)
            return -1;
        told |= lost;
    }
    return rc < 0 ? -1 : 0;
}

static int walk_list(struct touched *t, const struct set_list *list, struct err *e)
{
    struct list_reader *reader;
    struct err why = {0};

    t->at.source = list->source;
    if (any_lost(t, list->refs, list->count))
        return tell(t, NULL, e); /* nothing of it can be read any more */
    if (list_reader_open(t->fetcher, list->refs, list->count, &reader, e) < 0)
        return -1;
    int rc = walk_records(t, reader, &why);
    list_reader_close(reader);
    if (rc == 0)
        return 0;
    if (check_is_finding(&why))
        return tell(t, NULL, e);
    *e = why;
    return -1;
}

static int walk_set(struct touched *t, const struct repository_set *set, struct err *e)
{
    struct set_lists lists;
    struct err why = {0};
    int rc = 0;

    t->at = (struct check_touched){.job = set->job, .id = set->id};
    if (is_lost(t, &set->manifest.id))
        return tell(t, NULL, e);
    if (set_lists_read(t->fetcher, &set->manifest, &lists, &why) < 0) {
        if (check_is_finding(&why))
            return tell(t, NULL, e);
        *e = why;
        return -1;
    }
    for (size_t i = 0; i < lists.count && rc == 0; i++)
        rc = walk_list(t, &lists.items[i], e);
    set_lists_deinit(&lists);
    return rc;
}

int check_touched(const struct check_spec *spec, const struct check_result *found,
                  int (*each)(void *arg, const struct check_touched *t, struct err *e), void *arg,
                  struct err *e)
{
    struct touched t = {.spec = spec, .each = each, .arg = arg};
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count = 0;
    struct err mine;
    int rc;

    e = e != NULL ? e : &mine;
    rc = gather(&t, found, e);
    if (rc == 0)
        rc = repository_sets(spec->repository, &sets, &count, e);
    if (rc == 0)
        rc = fetcher_open(&t.fetcher, spec->repository, spec->index, 1, e);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = check_progress(spec, i, count, e);
        if (rc == 0)
            rc = walk_set(&t, &sets[i], e);
    }
    fetcher_close(t.fetcher);
    free(t.lost);
    return rc;
}
