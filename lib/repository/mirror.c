/* mirror.c — the happy path is: what `to` has of the logs is a beginning of what `from` has; packs and
 * segments that it lacks come by name, several at once; then the logs, the writer's before the pruner's,
 * whose records speak of the other's.
 *
 * Failure modes: an object vanishes at `from` meanwhile: the pruner deleted it, so nothing needs it. */
#include "lib/repository/mirror.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/log_parts.h"
#include "lib/repository/object.h"
#include "lib/store/listing.h"

enum { SMALL_MAX = 1 << 20, NAMES_MAX = 1 << 24, THREADS_MAX = 4, TRIES = 4 };

struct names {    /* in byte order */
    char **items; /* owned, each owned */
    uint64_t *sizes;
    size_t count, room;
};

struct mirror {
    const struct mirror_spec *spec;
    struct store *from;
    struct mirror_result *result;
    uint64_t total;

    pthread_mutex_t lock; /* of what follows and of result */
    struct names wanted;
    size_t next;
    bool failed;
    struct err error;
    bool vanished; /* something that was listed */
};

static void names_deinit(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i]);
    free(n->items);
    free(n->sizes);
    *n = (struct names){0};
}

static void add_name(struct names *n, const char *name, uint64_t size)
{
    if (n->count == n->room) {
        n->room = n->room == 0 ? 64 : 2 * n->room;
        n->items = mem_resize_array(n->items, n->room, sizeof(*n->items));
        n->sizes = mem_resize_array(n->sizes, n->room, sizeof(*n->sizes));
    }
    n->items[n->count] = mem_strdup(name);
    n->sizes[n->count++] = size;
}

static int list(struct store *s, const char *prefix, struct names *ret, struct err *e)
{
    _cleanup_(store_listing_deinit) struct store_listing all = {.store = s, .prefix = prefix};
    struct store_object *x;
    int rc = 0;

    while (ret->count < NAMES_MAX && (rc = store_listing_next(&all, &x, e)) == 0)
        add_name(ret, x->name, x->size);
    return rc < 0 ? -1 : 0;
}

static int trash_compare(const void *a, const void *b)
{
    const struct repository_trash *x = a, *y = b;

    return memcmp(&x->pack, &y->pack, sizeof(x->pack));
}

/* trash: sorted. Packs and segments are told apart by their digests as well. */
static bool on_trash(const struct repository_trash *trash, size_t count, const char *name)
{
    struct repository_trash key = {0};
    const char *hex = strrchr(name, '/');

    return count > 0 && hex != NULL &&
           object_hex_text(hex + 1, key.pack.bytes, sizeof(key.pack.bytes), NULL) == 0 &&
           bsearch(&key, trash, count, sizeof(key), trash_compare) != NULL;
}

/* What lies below prefix at `from`, is not on trash, and lacks or is shorter at `to`. */
static int add_lacking(struct mirror *m, const char *prefix, struct names *ret, struct err *e)
{
    _cleanup_free_ struct repository_trash *trash = NULL;
    struct names here = {0}, there = {0};
    size_t trash_count = 0, at = 0;
    int rc = list(m->from, prefix, &here, e);

    if (rc == 0)
        rc = list(m->spec->to, prefix, &there, e);
    if (rc == 0)
        rc = repository_trash(m->spec->from, &trash, &trash_count, e);
    if (trash_count > 0)
        qsort(trash, trash_count, sizeof(*trash), trash_compare);
    for (size_t i = 0; i < here.count && rc == 0; i++) {
        while (at < there.count && strcmp(there.items[at], here.items[i]) < 0)
            at++;
        if (at < there.count && strcmp(there.items[at], here.items[i]) == 0)
            continue;
        if (!on_trash(trash, trash_count, here.items[i])) {
            add_name(ret, here.items[i], here.sizes[i]);
            m->total += here.sizes[i];
        }
    }
    names_deinit(&here);
    names_deinit(&there);
    return rc;
}

/* An object of `from`, counted. One that vanished meanwhile is none. Lock not held. */
static int bring(struct mirror *m, const char *name, struct err *e)
{
    uint64_t bytes;
    struct err why;
    int rc = mirror_object(m->from, m->spec->to, name, MIRROR_IF_MISSING, &bytes, &why);

    if (rc < 0 && why.code != ERR_NOT_FOUND) {
        *e = why;
        return -1;
    }
    (void)pthread_mutex_lock(&m->lock);
    m->vanished |= rc < 0;
    m->result->objects += rc == 0;
    m->result->bytes += bytes;
    uint64_t done = m->result->bytes;
    rc = m->spec->progress != NULL ? m->spec->progress(m->spec->arg, done, m->total, e) : 0;
    (void)pthread_mutex_unlock(&m->lock);
    return rc;
}

static void *work(void *arg)
{
    struct mirror *m = arg;
    struct err why;
    int rc = 0;

    for (;;) {
        (void)pthread_mutex_lock(&m->lock);
        if (rc < 0 && !m->failed) {
            m->failed = true;
            m->error = why;
        }
        const char *name =
            m->failed || m->next == m->wanted.count ? NULL : m->wanted.items[m->next++];
        (void)pthread_mutex_unlock(&m->lock);
        if (name == NULL)
            return NULL;
        rc = bring(m, name, &why);
    }
}

/* All that is wanted, several at once where a store is far. */
static int bring_wanted(struct mirror *m, struct err *e)
{
    int parallel = store_get_parallel(m->from), others = store_get_parallel(m->spec->to);
    pthread_t threads[THREADS_MAX];
    size_t count = 0;

    parallel = parallel > others ? parallel : others;
    for (int i = 1; i < parallel && i < THREADS_MAX && (size_t)i < m->wanted.count; i++)
        if (pthread_create(&threads[count], NULL, work, m) == 0)
            count++;
    (void)work(m);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    names_deinit(&m->wanted);
    m->next = 0;
    if (m->failed)
        *e = m->error;
    return m->failed ? -1 : 0;
}

static int bring_all(struct mirror *m, const char *prefix, struct err *e)
{
    return add_lacking(m, prefix, &m->wanted, e) < 0 ? -1 : bring_wanted(m, e);
}

/* Segments are listed before the packs that they name, and brought after them. */
static int bring_packs(struct mirror *m, struct err *e)
{
    struct names segments = {0};
    int rc = add_lacking(m, "index/", &segments, e);

    if (rc == 0)
        rc = bring_all(m, "packs/", e);
    if (rc < 0) {
        names_deinit(&segments);
        return -1;
    }
    m->wanted = segments;
    return bring_wanted(m, e);
}

/* --- logs --- */

static uint64_t group_of(uint64_t number)
{
    return (number - 1) / LOG_GROUP;
}

static int get_log(struct store *s, enum log_role role, uint64_t number, struct buf *ret,
                   struct err *e)
{
    char name[LOG_NAME_SIZE];

    log_object_name(role, number, name);
    return store_get_bytes(s, name, ret, e);
}

/* Objects of one group are beginnings of each other: what `to` has newest must begin what `from` has. */
static int compare_logs(const struct mirror *m, enum log_role role, uint64_t theirs,
                        const uint64_t *ours, size_t count, struct err *e)
{
    _cleanup_(buf_deinit) struct buf there = BUF_INIT(LOG_OBJECT_MAX);
    _cleanup_(buf_deinit) struct buf here = BUF_INIT(LOG_OBJECT_MAX);
    uint64_t number = 0;

    for (size_t i = 0; i < count; i++)
        if (ours[i] >= theirs && group_of(ours[i]) == group_of(theirs))
            number = ours[i];
    if (number == 0)
        return 1;
    if (get_log(m->spec->to, role, theirs, &there, e) < 0 ||
        get_log(m->from, role, number, &here, e) < 0)
        return -1;
    if (there.len <= here.len && memcmp(there.data, here.data, there.len) == 0)
        return 0;
    return err_set(e, ERR_TAMPERED,
                   "%s and %s: record %llu of the %s's log is not the same (synbakctl adopt tells "
                   "which one counts)",
                   store_place(m->from), store_place(m->spec->to), (unsigned long long)theirs,
                   log_role_word(role));
}

/* 0: `to` has a beginning; 1: it is ahead. */
static int check_log(const struct mirror *m, enum log_role role, struct err *e)
{
    _cleanup_free_ uint64_t *ours = NULL, *theirs = NULL;
    size_t our_count, their_count;

    if (log_numbers(m->from, role, &ours, &our_count, e) < 0 ||
        log_numbers(m->spec->to, role, &theirs, &their_count, e) < 0)
        return -1;
    if (their_count == 0)
        return 0;
    return compare_logs(m, role, theirs[their_count - 1], ours, our_count, e);
}

/* The last object of each group, and the newest that was there when `from` was opened. */
static int bring_log(struct mirror *m, enum log_role role, const struct log *l, struct err *e)
{
    uint64_t newest = log_head(l).number;
    char name[LOG_NAME_SIZE];

    for (uint64_t n = LOG_GROUP; n < newest; n += LOG_GROUP) {
        log_object_name(role, n, name);
        if (bring(m, name, e) < 0)
            return -1;
    }
    log_object_name(role, newest, name);
    return newest == 0 ? 0 : bring(m, name, e);
}

/* --- what comes before all else --- */
static int bring_identity(struct mirror *m, struct err *e)
{
    _cleanup_(buf_deinit) struct buf here = BUF_INIT(SMALL_MAX), there = BUF_INIT(SMALL_MAX);
    struct err why;

    if (store_get_bytes(m->from, "repository.json", &here, e) < 0)
        return -1;
    if (store_get_bytes(m->spec->to, "repository.json", &there, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    if (here.len == there.len && memcmp(here.data, there.data, here.len) == 0)
        return 0;
    return err_set(e, ERR_FOREIGN, "%s holds another repository", store_place(m->spec->to));
}

/* Slots that the log says are gone, and are gone at `from`, go here too. */
static int remove_slots(struct mirror *m, struct err *e)
{
    const struct log *l = m->spec->from->pruner;

    for (size_t i = 0; i < log_count(l); i++) {
        struct log_record r = log_at(l, i);
        struct store_object o;
        struct err why;
        if (strcmp(r.kind, "keys") != 0 ||
            strcmp(json_opt_string(r.body, "change", ""), "slot removed") != 0)
            continue;
        _cleanup_free_ char *name = mem_printf("keys/%s.json", json_opt_string(r.body, "slot", ""));
        if (store_stat(m->from, name, &o, &why) == 0 || store_stat(m->spec->to, name, &o, &why) < 0)
            continue;
        if (store_delete(m->spec->to, name, &why) < 0 && why.code != ERR_NOT_FOUND) {
            *e = why;
            return -1;
        }
    }
    return 0;
}

static int run(struct mirror *m, struct err *e)
{
    int writer, pruner;

    if (bring_identity(m, e) < 0 || (writer = check_log(m, LOG_WRITER, e)) < 0 ||
        (pruner = check_log(m, LOG_PRUNER, e)) < 0)
        return -1;
    if (writer == 1 || pruner == 1)
        return 1;
    if (bring_all(m, "keys/", e) < 0 || bring(m, "repository.json", e) < 0 ||
        bring_all(m, "generations/", e) < 0)
        return -1;
    for (int i = 0; i < TRIES && (i == 0 || m->vanished); i++) {
        m->vanished = false; /* a merged segment stands in the place of those that did */
        if (bring_packs(m, e) < 0)
            return -1;
    }
    if (bring_all(m, "trash/", e) < 0 || remove_slots(m, e) < 0 ||
        bring_log(m, LOG_WRITER, m->spec->from->writer, e) < 0)
        return -1;
    return bring_log(m, LOG_PRUNER, m->spec->from->pruner, e);
}

int mirror_bring(const struct mirror_spec *spec, struct mirror_result *ret, struct err *e)
{
    struct mirror m = {.spec = spec, .from = spec->from->store, .result = ret};
    struct err mine;

    *ret = (struct mirror_result){0};
    if (pthread_mutex_init(&m.lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    int rc = run(&m, e != NULL ? e : &mine);
    names_deinit(&m.wanted);
    (void)pthread_mutex_destroy(&m.lock);
    return rc;
}
