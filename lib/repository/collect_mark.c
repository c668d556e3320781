#include <string.h>

#include "lib/repository/collect_parts.h"

enum { MANIFEST_MAX = 4 << 20, NOTED_MAX = 1 << 19 };

/* What is done with every chunk that a set needs. */
struct walk {
    struct collector *c;
    struct fetcher *fetcher;
    int (*need)(struct collector *c, const struct chunk_id *id, void *arg, struct err *e);
    void *arg;
    bool all; /* of lists that were walked before, too */
};

static int need_all(const struct walk *w, const struct chunk_ref *refs, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (w->need(w->c, &refs[i].id, w->arg, e) < 0)
            return -1;
    return 0;
}

/* A source that did not change has the same list as before. */
static bool walked_before(const struct walk *w, const struct chunk_ref *list, size_t count)
{
    uint8_t digest[SEAL_HASH_LEN];
    char hex[2 * SEAL_HASH_LEN + 1];

    seal_sha256(list, count * sizeof(*list), digest);
    hex_encode(digest, sizeof(digest), hex);
    if (w->all)
        return false;
    if (strlist_contains(&w->c->lists, hex))
        return true;
    strlist_add(&w->c->lists, hex);
    return false;
}

static int walk_list(const struct walk *w, const struct chunk_ref *list, size_t count,
                     struct err *e)
{
    struct list_reader *reader;
    struct list_record x;
    int rc;

    if (walked_before(w, list, count))
        return 0;
    if (need_all(w, list, count, e) < 0 ||
        list_reader_open(w->fetcher, list, count, &reader, e) < 0)
        return -1;
    while ((rc = list_reader_next(reader, &x, e)) == 0) {
        rc = collect_cancelled(w->c, e);
        if (rc == 0 && x.type == LIST_ENTRY)
            rc = need_all(w, x.entry.refs, x.entry.ref_count, e);
        else if (rc == 0 && x.type == LIST_CONTENT)
            rc = need_all(w, x.refs, x.ref_count, e);
        if (rc < 0)
            break;
    }
    list_reader_close(reader);
    return rc < 0 ? -1 : 0;
}

static int walk_artifact(const struct walk *w, const json_t *artifact, struct err *e)
{
    json_t *texts;

    if (json_get_array(artifact, "list", &texts, e) < 0)
        return -1;
    size_t count = json_array_size(texts);
    _cleanup_free_ struct chunk_ref *list = mem_alloc(count * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        if (text == NULL)
            return err_set(e, ERR_FORMAT, "\"list\" is not one of chunks");
        if (chunk_ref_parse(text, &list[i], e) < 0)
            return -1;
    }
    return walk_list(w, list, count, e);
}

static int walk_set(const struct walk *w, const struct repository_set *set, struct err *e)
{
    _cleanup_json_ json_t *manifest = NULL;
    json_t *artifacts;

    if (set->manifest.length > MANIFEST_MAX)
        return err_set(e, ERR_DAMAGED, "a manifest of %u bytes", set->manifest.length);
    _cleanup_free_ char *text = mem_alloc(set->manifest.length);
    if (w->need(w->c, &set->manifest.id, w->arg, e) < 0 ||
        fetcher_chunk(w->fetcher, &set->manifest, CHUNK_SET, text, e) < 0 ||
        json_read(text, set->manifest.length, &manifest, e) < 0 ||
        json_get_array(manifest, "artifacts", &artifacts, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(artifacts); i++)
        if (walk_artifact(w, json_array_get(artifacts, i), e) < 0)
            return err_wrap(e, "artifact %zu", i + 1);
    return 0;
}

/* What cannot be told of one set cannot be decided for any. */
static int walk_or_explain(const struct walk *w, const struct repository_set *set, struct err *e)
{
    if (walk_set(w, set, e) == 0)
        return 0;
    if (e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_FORMAT))
        e->code = ERR_DAMAGED;
    if (e != NULL && e->code != ERR_DAMAGED)
        return -1;
    return err_wrap(
        e,
        "%s: set %s/%s cannot be read, so nothing is deleted (synbakctl verify; a set that "
        "is past help can be removed)",
        store_place(w->c->r->store), set->job, set->id);
}

static void note_unknown(struct collector *c, const struct chunk_id *id)
{
    char hex[2 * CHUNK_ID_LEN + 1];

    if (c->incomplete)
        return;
    chunk_id_hex(id, hex);
    c->incomplete = true;
    collect_problem(
        c,
        "a set needs the chunk %.16s…, which no index segment knows: packs that no segment "
        "names stay (synbakctl verify)",
        hex);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct chunk_id));
}

/* In the order of the index: one by one each would read a page of it. */
int collect_mark_noted(struct collector *c, bool *ret_new, struct err *e)
{
    if (c->noted_count > 0)
        qsort(c->noted, c->noted_count, sizeof(*c->noted), compare_ids);
    for (size_t i = 0; i < c->noted_count; i++) {
        const struct chunk_id *id = &c->noted[i];
        uint64_t at;
        if (i > 0 && chunk_id_equal(id, id - 1))
            continue;
        int rc = index_ordinal(c->ix, id, &at, e);
        if (rc < 0)
            return -1;
        if (rc == 1) {
            note_unknown(c, id);
            continue;
        }
        *ret_new |= (c->marks[at / 8] & (1U << (at % 8))) == 0;
        c->marks[at / 8] |= (uint8_t)(1U << (at % 8));
    }
    c->noted_count = 0;
    return 0;
}

int collect_note(struct collector *c, const struct chunk_id *id, bool *ret_new, struct err *e)
{
    if (c->noted == NULL)
        c->noted = mem_alloc(NOTED_MAX * sizeof(*c->noted));
    c->noted[c->noted_count++] = *id;
    return c->noted_count == NOTED_MAX ? collect_mark_noted(c, ret_new, e) : 0;
}

static int mark(struct collector *c, const struct chunk_id *id, void *arg, struct err *e)
{
    bool ignored = false;

    (void)arg;
    return collect_note(c, id, &ignored, e);
}

/* Sets that are being read count even when they are gone from the log. */
static int mark_read_sets(const struct walk *w, struct err *e)
{
    struct collector *c = w->c;

    for (size_t i = 0; i < log_count(c->r->writer) && c->spec->reading_count > 0; i++) {
        const struct log_record x = log_at(c->r->writer, i);
        struct repository_set set = {.job = json_opt_string(x.body, "job", ""),
                                     .id = json_opt_string(x.body, "id", "")};
        struct err why;
        if (strcmp(x.kind, "set") != 0 || !collect_is_read(c->spec, set.job, set.id))
            continue;
        if (chunk_ref_parse(json_opt_string(x.body, "manifest", ""), &set.manifest, e) < 0)
            return -1;
        if (walk_set(w, &set, &why) < 0) {
            if (why.code == ERR_CANCELLED) {
                if (e != NULL)
                    *e = why;
                return -1;
            }
            /* gone, and perhaps its chunks too: whoever reads it will be told */
            collect_problem(c, "%s/%s, which is being read: %s", set.job, set.id, why.text);
        }
    }
    return 0;
}

int collect_mark(struct collector *c, struct err *e)
{
    const struct walk w = {.c = c, .fetcher = c->fetcher, .need = mark};
    _cleanup_free_ struct repository_set *sets = NULL;
    bool ignored = false;
    size_t count;

    if (log_refresh(c->r->writer, e) < 0 || repository_sets(c->r, &sets, &count, e) < 0)
        return -1;
    c->writer_seen = log_head(c->r->writer).number;
    c->result->sets = count;
    for (size_t i = 0; i < count; i++) {
        collect_progress(c, "mark", i, count);
        if (walk_or_explain(&w, &sets[i], e) < 0)
            return -1;
    }
    if (mark_read_sets(&w, e) < 0)
        return -1;
    return collect_mark_noted(c, &ignored, e);
}

struct check {
    struct index *without; /* what is to go is excluded */
    bool lacks;
};

static int check_there(struct collector *c, const struct chunk_id *id, void *arg, struct err *e)
{
    struct check *x = arg;
    struct index_entry found;
    int rc = index_find(x->without, id, &found, e);

    (void)c;
    if (rc == 0 && found.chunk.codec == CHUNK_DELTA)
        rc = index_find(x->without, &found.chunk.base, &found, e);
    x->lacks |= rc == 1;
    return rc < 0 ? -1 : 0;
}

/* Read with all packs, looked up without those that are to go. */
static int check_sets(struct collector *c, struct index *all, struct check *x, struct err *e)
{
    struct walk w = {.c = c, .need = check_there, .arg = x, .all = true};
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count;
    int rc = 0;

    if (repository_sets(c->r, &sets, &count, e) < 0 ||
        fetcher_open(&w.fetcher, c->r, all, c->spec->threads, e) < 0)
        return -1;
    for (size_t i = 0; i < count && rc == 0 && !x->lacks; i++)
        if (sets[i].number > c->writer_seen)
            rc = walk_or_explain(&w, &sets[i], e);
    fetcher_close(w.fetcher);
    return rc;
}

static int open_index(const struct collector *c, struct index **ret, struct err *e)
{
    return index_open(c->r->store, c->r->keys, c->r->cache_dir, false, ret, NULL, e);
}

int collect_check_new(struct collector *c, const struct pack_name *doomed, size_t count,
                      struct err *e)
{
    struct index *all = NULL;
    struct check x = {0};
    int rc = log_refresh(c->r->writer, e);

    if (rc < 0 || log_head(c->r->writer).number == c->writer_seen)
        return rc;
    rc = open_index(c, &all, e);
    if (rc == 0)
        rc = open_index(c, &x.without, e);
    if (rc == 0) {
        index_exclude(x.without, doomed, count);
        rc = check_sets(c, all, &x, e);
    }
    index_close(x.without);
    index_close(all);
    return rc < 0 ? -1 : x.lacks;
}
