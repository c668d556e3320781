/* check_structure.c — the happy path is: the store's packs are listed beside those that the index names;
 * then each set's manifest and lists are read, and every chunk in them looked up. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/check_parts.h"
#include "lib/store/listing.h"

struct walk {
    const struct check_spec *spec;
    struct check_result *result;
    struct fetcher *fetcher;
    struct strlist seen; /* digests of lists, sorted by when they came */
    const struct repository_set *set;
    const char *source;
    char *path; /* owned: of the last entry; NULL: none */
    bool told;  /* of this list: one sentence is enough */
    bool told_rebuilt;
};

static void add_missing(const struct check_spec *spec, struct check_result *ret,
                        const struct index_pack *p, const struct store_object *there)
{
    struct err why = {0};
    char object[80];

    pack_object_name(&p->name, object);
    if (there == NULL)
        (void)err_set(&why, ERR_DAMAGED, "%s: %s is missing", store_place(spec->repository->store),
                      object);
    else
        (void)err_set(&why, ERR_DAMAGED, "%s: %s has %llu bytes instead of %u",
                      store_place(spec->repository->store), object, (unsigned long long)there->size,
                      p->len);
    check_add_damage(ret, object, there == NULL, &why, NULL, 0);
}

/* Both in the order of names: a walk side by side. */
static int compare_packs(const struct check_spec *spec, const struct check_packs *packs,
                         struct check_result *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = spec->repository->store,
                                                                 .prefix = "packs/"};
    struct store_object *x;
    char wanted[80];
    size_t at = 0;
    int rc;

    while ((rc = store_listing_next(&list, &x, e)) == 0) {
        for (; at < packs->count; at++) {
            pack_object_name(&packs->items[at].name, wanted);
            if (strcmp(wanted, x->name) >= 0)
                break;
            add_missing(spec, ret, &packs->items[at], NULL);
        }
        if (at == packs->count || strcmp(wanted, x->name) != 0)
            continue;
        if (x->size != packs->items[at].len)
            add_missing(spec, ret, &packs->items[at], x);
        at++;
        ret->packs++;
    }
    if (rc < 0)
        return -1;
    for (; at < packs->count; at++)
        add_missing(spec, ret, &packs->items[at], NULL);
    return 0;
}

static void note(struct walk *w, const struct err *why, const struct chunk_id *chunk)
{
    _cleanup_free_ char *object = mem_printf("%s/%s", w->set->job, w->set->id);
    struct err full = *why;

    if (w->source != NULL && w->path != NULL && w->path[0] != '\0') {
        _cleanup_free_ char *shown = str_printable(w->path, strlen(w->path));
        (void)err_wrap(&full, "%s: %s, %s", object, w->source, shown);
    } else if (w->source != NULL) {
        (void)err_wrap(&full, "%s: %s", object, w->source);
    } else {
        (void)err_wrap(&full, "%s", object);
    }
    check_add_damage(w->result, object, false, &full, chunk, chunk != NULL ? 1 : 0);
}

/* That segments are lost shows by packs that sets need and none names; what no set needs may be left from a
 * run that was broken off. */
static void note_rebuilt(struct walk *w, const struct index_entry *x)
{
    struct err why = {0};
    char object[80];

    if (!x->rebuilt || w->told_rebuilt ||
        index_problems(w->spec->index)->count > 0) /* damaged, not lost: that is told */
        return;
    pack_object_name(&x->pack, object);
    (void)err_set(
        &why, ERR_DAMAGED,
        "%s: sets need %s, which no index segment names: segments are lost and must be made "
        "again from the packs (synbakctl repair)",
        store_place(w->spec->repository->store), object);
    check_add_damage(w->result, "index", true, &why, NULL, 0);
    w->told_rebuilt = true;
}

/* 1: the index does not know it. */
static int look_up(struct walk *w, const struct chunk_ref *ref, enum chunk_kind kind, struct err *e)
{
    struct index_entry x, base;
    int rc = index_find(w->spec->index, &ref->id, &x, e);

    w->result->chunks++;
    if (rc != 0)
        return rc;
    note_rebuilt(w, &x);
    if (x.chunk.length != ref->length || x.chunk.kind != kind)
        return 1;
    if (x.chunk.codec != CHUNK_DELTA)
        return 0;
    rc = index_find(w->spec->index, &x.chunk.base, &base, e);
    return rc == 0 && base.chunk.codec == CHUNK_DELTA ? 1 : rc;
}

static int look_up_all(struct walk *w, const struct chunk_ref *refs, size_t count,
                       enum chunk_kind kind, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct err why = {0};
        char hex[65];
        int rc = look_up(w, &refs[i], kind, e);
        if (rc < 0)
            return -1;
        if (rc == 0 || w->told)
            continue;
        chunk_id_hex(&refs[i].id, hex);
        (void)err_set(&why, ERR_DAMAGED,
                      "it needs chunk %s, which, or the base of which, is in no index segment",
                      hex);
        note(w, &why, &refs[i].id);
        w->told = true;
    }
    return 0;
}

/* A source that did not change has the same list as before, and a list twice says nothing new. */
static bool seen_before(struct walk *w, const struct set_list *list)
{
    uint8_t digest[SEAL_HASH_LEN];
    char hex[2 * SEAL_HASH_LEN + 1];

    seal_sha256(list->refs, list->count * sizeof(*list->refs), digest);
    hex_encode(digest, sizeof(digest), hex);
    if (strlist_contains(&w->seen, hex))
        return true;
    strlist_add(&w->seen, hex);
    return false;
}

static int walk_records(struct walk *w, struct list_reader *reader, struct err *e)
{
    struct list_record r;
    int rc;

    while ((rc = list_reader_next(reader, &r, e)) == 0) {
        if (r.type == LIST_ENTRY) {
            free(w->path);
            w->path = mem_strdup(r.entry.path);
        }
        rc = r.type == LIST_ENTRY ? look_up_all(w, r.entry.refs, r.entry.ref_count, CHUNK_DATA, e)
                                  : look_up_all(w, r.refs, r.ref_count, CHUNK_DATA, e);
        if (rc < 0)
            return -1;
        if (r.type == LIST_ENTRY && (w->result->chunks & 1023) == 0 &&
            check_progress(w->spec, 0, 0, e) < 0)
            return -1;
    }
    return rc < 0 ? -1 : 0;
}

static int walk_list(struct walk *w, const struct set_list *list, struct err *e)
{
    struct list_reader *reader;

    w->told = false;
    free(TAKE(w->path));
    if (seen_before(w, list))
        return 0;
    w->result->lists++;
    if (look_up_all(w, list->refs, list->count, CHUNK_LIST, e) < 0)
        return -1;
    if (w->told) /* it cannot be read */
        return 0;
    if (list_reader_open(w->fetcher, list->refs, list->count, &reader, e) < 0)
        return -1;
    struct err why = {0};
    int rc = walk_records(w, reader, &why);
    list_reader_close(reader);
    if (rc == 0)
        return 0;
    if (check_is_finding(&why)) {
        note(w, &why, NULL);
        return 0;
    }
    *e = why;
    return -1;
}

static int walk_set(struct walk *w, struct err *e)
{
    struct set_lists lists;
    struct err why = {0};
    int rc = 0;

    w->source = NULL;
    w->result->sets++;
    if (set_lists_read(w->fetcher, &w->set->manifest, &lists, &why) < 0) {
        if (check_is_finding(&why)) {
            note(w, &why, &w->set->manifest.id);
            return 0;
        }
        *e = why;
        return -1;
    }
    for (size_t i = 0; i < lists.count && rc == 0; i++) {
        w->source = lists.items[i].source;
        rc = walk_list(w, &lists.items[i], e);
    }
    free(TAKE(w->path));
    set_lists_deinit(&lists);
    return rc;
}

static int walk_sets(const struct check_spec *spec, struct check_result *ret, struct err *e)
{
    struct walk w = {.spec = spec, .result = ret};
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count;

    if (repository_sets(spec->repository, &sets, &count, e) < 0 ||
        fetcher_open(&w.fetcher, spec->repository, spec->index, 1, e) < 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        w.set = &sets[i];
        rc = check_progress(spec, 0, 0, e);
        if (rc == 0)
            rc = walk_set(&w, e);
    }
    fetcher_close(w.fetcher);
    strlist_deinit(&w.seen);
    return rc;
}

int check_structure(const struct check_spec *spec, struct check_result *ret, struct err *e)
{
    const struct strlist *problems = index_problems(spec->index);
    const struct strlist *objects = index_problem_objects(spec->index);
    struct check_packs packs;
    struct err mine;

    e = e != NULL ? e : &mine;
    int rc = check_list_packs(spec, &packs, e);
    if (rc == 0)
        rc = compare_packs(spec, &packs, ret, e);
    if (rc == 0)
        rc = check_forget_deleted(spec, ret, e);
    if (rc == 0)
        rc = check_name_chunks(spec, ret, e);
    if (rc == 0 && !spec->repository->keys->write_only)
        rc = walk_sets(spec, ret, e);
    for (size_t i = 0; i < problems->count && rc == 0; i++) {
        struct err why = {.code = ERR_DAMAGED};
        (void)snprintf(why.text, sizeof(why.text), "%s", problems->items[i]);
        check_add_damage(ret, objects->items[i], false, &why, NULL, 0);
    }
    free(packs.items);
    return rc;
}
