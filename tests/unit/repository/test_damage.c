/* Every byte of every object of a repository flipped, every object cut at every length, gone, or another of its
 * kind in its place: either an error names the object, or what comes back is what was stored. Keys and heads are known, as
 * they are to a running installation. */
#include "tests/unit/repository/collect_fixture.h"

#define REMOVED "20261121_000000"
#define FIRST   "20261121_010000"
#define SECOND  "20261121_020000"

enum { OBJECTS_MAX = 64, SHORT_CASES = 200, SMALL = 8000, EDGE = 256, FIELDS = 16 };

struct world {
    struct store *s;
    struct keys *k;
    struct content first, second;
    struct log_head writer, pruner; /* remembered */
    struct store_object objects[OBJECTS_MAX];
    size_t count;
    unsigned noticed, harmless;
    struct err e;
};

/* Two sets, the second mostly deltas of the first, one that was removed, and a trash list. */
static void world_init(struct world *w)
{
    const struct content gone = content_of(100, 4);
    const struct collect_set remove = {"job", REMOVED};
    struct collect_result result = {0};
    struct view v;

    *w = (struct world){.s = memory_store_new(), .k = fixed_keys()};
    seam_clock_set(start_us);
    w->first = content_of(1, 4);
    w->second = w->first;
    w->second.patch[1] = w->second.patch[3] = 5;
    view_begin(&v, w->s, w->k);
    backup(&v, &gone, REMOVED);
    backup(&v, &w->first, FIRST);
    backup(&v, &w->second, SECOND);
    struct collect_spec spec = spec_of(&v);
    spec.remove = &remove;
    spec.remove_count = 1;
    ASSERT_OK(collect(&spec, &result, &v.e), v.e);
    ASSERT(result.on_trash > 0);
    collect_result_deinit(&result);
    w->writer = log_head(v.r.writer);
    w->pruner = log_head(v.r.pruner);
    view_close(&v);
    ASSERT_OK(store_list(w->s, "", false, "", w->objects, OBJECTS_MAX, &w->count, &w->e), w->e);
    ASSERT(w->count > 8 && w->count < OBJECTS_MAX);
}

static void world_deinit(struct world *w)
{
    keys_free(w->k);
    store_close(w->s);
}

static struct buf object(struct world *w, const char *name)
{
    struct buf data = BUF_INIT(PACK_MAX);

    ASSERT_OK(store_get_bytes(w->s, name, &data, &w->e), w->e);
    return data;
}

/* data NULL: gone. */
static void replace(struct world *w, const char *name, const void *data, size_t len)
{
    (void)(store_delete(w->s, name, NULL) == 0);
    if (data != NULL)
        ASSERT_OK(store_put_bytes(w->s, name, data, len, STORE_FAIL_IF_EXISTS, &w->e), w->e);
}

static int read_set(struct view *v, struct index *ix, const char *id, const struct content *what)
{
    struct buf out = BUF_INIT(1 << 20);
    struct fetcher *f = NULL;
    size_t len;
    int rc = fetcher_open(&f, &v->r, ix, 1, &v->e);

    if (rc == 0)
        rc = fetch_bytes(v, f, id, &out);
    fetcher_close(f);
    if (rc == 0) {
        _cleanup_free_ uint8_t *data = content_bytes(what, &len);
        ASSERT_EQ(out.len, len);
        ASSERT(memcmp(out.data, data, len) == 0);
    }
    buf_deinit(&out);
    return rc;
}

static int read_all(struct world *w, struct view *v, bool rebuild)
{
    struct repository_trash *trash = NULL;
    struct index *ix = NULL;
    size_t count;

    *v = (struct view){.store = w->s, .previous = -1};
    v->r.store = w->s;
    v->r.keys = w->k;
    int rc = log_open(w->s, w->k, LOG_PRUNER, NULL, &w->pruner, &v->r.pruner, &v->e);
    if (rc == 0)
        rc = log_open(w->s, w->k, LOG_WRITER, NULL, &w->writer, &v->r.writer, &v->e);
    if (rc == 0)
        rc = repository_trash(&v->r, &trash, &count, &v->e);
    if (rc == 0)
        rc = index_open(w->s, w->k, NULL, rebuild, &ix, NULL, &v->e);
    if (rc == 0)
        rc = read_set(v, ix, FIRST, &w->first);
    if (rc == 0)
        rc = read_set(v, ix, SECOND, &w->second);
    free(trash);
    index_close(ix);
    view_close(v);
    return rc;
}

static bool names(const char *text, const char *object)
{
    const char *base = object == NULL ? NULL : strrchr(object, '/') + 1;
    char record[40];

    if (base == NULL || strstr(text, base) != NULL)
        return base != NULL;
    /* of a log that ends early the record that is missing is told */
    (void)snprintf(record, sizeof(record), "record %llu", strtoull(base, NULL, 10));
    return str_starts(object, "log/") && strstr(text, record) != NULL;
}

/* also: another object that may be named as well, or NULL. */
static void judge(struct world *w, const char *name, const char *also, size_t at)
{
    struct view v;

    if (read_all(w, &v, false) == 0) {
        w->harmless++;
        return;
    }
    w->noticed++;
    /* the packs say whatever an index segment says: on this error it is made again from them */
    if (str_starts(name, "index/")) {
        struct view again;
        if (v.e.code != ERR_DAMAGED)
            test_fail(__FILE__, __LINE__, "%s at %zu: %s: %s", name, at, err_word(v.e.code),
                      v.e.text);
        ASSERT_OK(read_all(w, &again, true), again.e);
    }
    if (v.e.code != ERR_DAMAGED && v.e.code != ERR_TAMPERED && v.e.code != ERR_NOT_FOUND)
        test_fail(__FILE__, __LINE__, "%s at %zu: %s: %s", name, at, err_word(v.e.code), v.e.text);
    if (!names(v.e.text, name) && !names(v.e.text, also))
        test_fail(__FILE__, __LINE__, "%s at %zu is not named: %s", name, at, v.e.text);
}

static void tell(const struct world *w, const char *what)
{
    test_note("%s: %zu objects, %u noticed, %u harmless, none false", what, w->count, w->noticed,
              w->harmless);
    ASSERT(w->noticed > 0);
}

/* How far to go on from a place. The long form takes every byte of logs and the trash list. Of packs and index segments
 * it takes every byte of both ends, where header, table and trailer are, and every 13th of their boxes, of which all bytes
 * are alike. The short one takes every field of a header and a spread of the rest. */
static size_t step_at(const struct world *w, size_t at, size_t size)
{
    const bool edge = at < 128 || at + EDGE > size;
    uint64_t bytes = 0;

    if (test_long())
        return edge || size < SMALL ? 1 : 13;
    for (size_t i = 0; i < w->count; i++)
        bytes += w->objects[i].size;
    if (at < FIELDS && size > SMALL)
        return 1;
    return edge ? 37 : (size_t)(bytes / SHORT_CASES) | 1;
}

TEST(every_byte_flipped)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < w.count; i++)
        for (size_t at = 0; at < w.objects[i].size; at += step_at(&w, at, w.objects[i].size)) {
            memory_store_damage(w.s, w.objects[i].name, at);
            judge(&w, w.objects[i].name, NULL, at);
            memory_store_damage(w.s, w.objects[i].name, at);
        }
    tell(&w, "flipped");
    world_deinit(&w);
}

TEST(cut_at_every_length)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < w.count; i++) {
        struct buf whole = object(&w, w.objects[i].name);
        for (size_t at = 0; at < whole.len; at += step_at(&w, at, whole.len)) {
            replace(&w, w.objects[i].name, whole.data, at);
            judge(&w, w.objects[i].name, NULL, at);
        }
        replace(&w, w.objects[i].name, whole.data, whole.len);
        buf_deinit(&whole);
    }
    tell(&w, "cut");
    world_deinit(&w);
}

TEST(each_gone_or_longer)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < w.count; i++) {
        struct buf whole = object(&w, w.objects[i].name);
        const size_t len = whole.len;
        replace(&w, w.objects[i].name, NULL, 0);
        judge(&w, w.objects[i].name, NULL, 0);
        ASSERT_OK(buf_append(&whole, "more", 4, &w.e), w.e);
        replace(&w, w.objects[i].name, whole.data, whole.len);
        judge(&w, w.objects[i].name, NULL, len);
        replace(&w, w.objects[i].name, whole.data, len);
        buf_deinit(&whole);
    }
    tell(&w, "gone or longer");
    world_deinit(&w);
}

/* packs/XX/NAME: by its first folder; logs by their role. */
static bool same_kind(const char *a, const char *b)
{
    const size_t n = strcspn(a, "/") + (str_starts(a, "log/") ? 3 : 0);

    return strncmp(a, b, n) == 0;
}

TEST(each_another_of_its_kind)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < w.count; i++)
        for (size_t k = 0; k < w.count; k++) {
            const char *one = w.objects[i].name, *other = w.objects[k].name;
            if (i == k || !same_kind(one, other))
                continue;
            struct buf a = object(&w, one), b = object(&w, other);
            replace(&w, one, b.data, b.len);
            judge(&w, one, NULL, 0); /* replayed */
            replace(&w, other, a.data, a.len);
            judge(&w, one, other, 0); /* exchanged */
            replace(&w, one, a.data, a.len);
            replace(&w, other, b.data, b.len);
            buf_deinit(&a);
            buf_deinit(&b);
        }
    tell(&w, "another of its kind");
    world_deinit(&w);
}
