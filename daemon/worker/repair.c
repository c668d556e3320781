/* repair.c — the verb that mends one replica of a repository from others.
 *
 * The happy path is: the replica is opened; what it lacks and another has is brought; what is not what was
 * written is found as by verify, and each such object made whole from the first other replica that has it so;
 * an index that still lacks packs is made again from them. Failure modes: the replica cannot be opened:
 * keys and logs are mended first, from another that can; none has an object whole: it is told, and the rest is
 * mended all the same. */
#include <string.h>

#include "daemon/worker/repo.h"
#include "lib/base/mem.h"
#include "lib/repository/check.h"
#include "lib/repository/mirror.h"

struct repair {
    struct worker *worker;
    struct destination to;
    struct destination *from; /* owned */
    size_t from_count;
    struct store **stores; /* owned: of those that could be opened */
    size_t store_count;
    bool data;
    struct strlist mended; /* objects */
    uint64_t brought;      /* that were missing */
    json_t *left;          /* owned: what could not be */
};

static int on_progress(void *arg, uint64_t bytes, uint64_t total, struct err *e)
{
    const struct repair *r = arg;

    worker_progress(r->worker, "look for damage", bytes, total);
    return worker_cancelled(r->worker) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

static void leave(struct repair *r, const char *object, const struct err *why)
{
    (void)json_array_append_new(
        r->left, json_pack("{s:s,s:o}", "object", object, "error", json_printable(why->text)));
}

/* A replica that is away does not keep the others from helping. */
static int open_all(struct repair *r, const json_t *job, struct err *e)
{
    json_t *to, *from;

    if (json_get_object(job, "to", &to, e) < 0 || json_get_array(job, "from", &from, e) < 0 ||
        destination_open_for(r->worker, to, &r->to, e) < 0)
        return -1;
    size_t count = json_array_size(from);
    r->from = mem_alloc(count * sizeof(*r->from));
    r->stores = mem_alloc(count * sizeof(struct store *));
    for (size_t i = 0; i < count; i++) {
        struct destination *d = &r->from[r->from_count];
        struct err why;
        if (destination_open_for(r->worker, json_array_get(from, i), d, &why) < 0) {
            worker_log(r->worker, WORKER_WARNING, "cannot help: %s", why.text);
            destination_close(d);
            continue;
        }
        r->stores[r->store_count++] = d->store;
        r->from_count++;
    }
    return 0;
}

/* Keys and logs, from the first that can be opened itself. */
static int mend_identity(struct repair *r, const struct err *because, struct err *e)
{
    for (size_t i = 0; i < r->from_count; i++) {
        struct repo other = {0};
        struct err why;
        int rc = repo_open(&r->from[i], &other, &why);
        if (rc == 0)
            rc = mirror_mend(other.repository, r->to.store, &r->mended, &why);
        repo_close(&other);
        if (rc == 0)
            return 0;
        worker_log(r->worker, WORKER_WARNING, "cannot help: %s", why.text);
    }
    *e = *because;
    return -1;
}

static int open_repo(struct repair *r, struct repo *ret, struct err *e)
{
    struct err why = {0};

    if (repo_open(&r->to, ret, &why) == 0)
        return 0;
    repo_close(ret);
    if (why.code == ERR_UNAVAILABLE || why.code == ERR_CANCELLED) {
        *e = why;
        return -1;
    }
    if (mend_identity(r, &why, e) < 0)
        return -1;
    return repo_open(&r->to, ret, e);
}

/* By name, from each that is not behind. */
static int bring_missing(struct repair *r, struct err *e)
{
    for (size_t i = 0; i < r->from_count; i++) {
        struct mirror_result result = {0};
        struct repo other = {0};
        struct err why;
        int rc = repo_open(&r->from[i], &other, &why);
        const struct mirror_spec spec = {
            .from = other.repository, .to = r->to.store, .arg = r, .progress = on_progress};
        if (rc == 0)
            rc = mirror_bring(&spec, &result, &why);
        r->brought += result.objects;
        repo_close(&other);
        if (rc < 0 && (why.code == ERR_CANCELLED || why.code == ERR_TAMPERED)) {
            *e = why;
            return -1;
        }
        if (rc < 0)
            worker_log(r->worker, WORKER_WARNING, "not all was brought: %s", why.text);
    }
    return 0;
}

static int find(struct repair *r, struct repo *repo, bool data, struct check_result *found,
                struct err *e)
{
    const struct check_spec spec = {.repository = repo->repository,
                                    .index = repo->index,
                                    .threads = repo_threads(),
                                    .arg = r,
                                    .progress = on_progress};

    if (check_structure(&spec, found, e) < 0)
        return -1;
    return data ? check_data(&spec, NULL, found, e) : 0;
}

static bool is_object(const struct check_damage *d)
{
    return str_starts(d->object, "packs/") || str_starts(d->object, "index/");
}

static int mend_objects(struct repair *r, const struct check_result *found, struct err *e)
{
    for (size_t i = 0; i < found->damage_count; i++) {
        const struct check_damage *d = &found->damages[i];
        struct err why = {0};
        if (strlist_contains(&r->mended, d->object))
            continue;
        if (worker_cancelled(r->worker))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(r->worker, "mend", i, found->damage_count);
        if (!is_object(d))
            continue; /* the index is made again, and sets are looked at again, below */
        if (mirror_repair(r->to.store, r->stores, r->store_count, d->object, &why) < 0) {
            leave(r, d->object, &why);
        } else {
            strlist_add(&r->mended, d->object);
        }
    }
    return 0;
}

static int open_index(struct repo *repo, struct err *e)
{
    const struct repository *of = repo->repository;

    index_close(TAKE(repo->index));
    return index_open(of->store, of->keys, of->cache_dir, true, &repo->index, NULL, e);
}

/* Segments that no replica has any more. */
static int mend_index(struct repair *r, struct repo *repo, struct err *e)
{
    if (open_index(repo, e) < 0)
        return -1;
    if (!index_is_rebuilt(repo->index))
        return 0;
    if (index_merge(repo->index, r->to.store, NULL, 0, e) < 0)
        return -1;
    strlist_add(&r->mended, "index");
    return 0;
}

/* Most sets that lacked something lack nothing now. */
static int look_again(struct repair *r, struct repo *repo, struct err *e)
{
    struct check_result found = {0};
    int rc = open_index(repo, e) < 0 ? -1 : find(r, repo, false, &found, e);

    for (size_t i = 0; rc == 0 && i < found.damage_count; i++) {
        struct err why = {0};
        (void)err_set(&why, ERR_DAMAGED, "%s", found.damages[i].text);
        if (!is_object(&found.damages[i]))
            leave(r, found.damages[i].object, &why);
    }
    check_result_deinit(&found);
    return rc;
}

static int run(struct repair *r, struct repo *repo, struct check_result *found, struct err *e)
{
    if (open_repo(r, repo, e) < 0 || bring_missing(r, e) < 0 || open_index(repo, e) < 0 ||
        find(r, repo, r->data, found, e) < 0 || mend_objects(r, found, e) < 0 ||
        mend_index(r, repo, e) < 0)
        return -1;
    return found->damage_count > 0 ? look_again(r, repo, e) : 0;
}

int verb_repair(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct repair r = {
        .worker = w, .data = json_opt_bool(job, "data", false), .left = json_array()};
    struct check_result found = {0};
    struct repo repo = {0};
    int rc = open_all(&r, job, e);

    if (rc == 0)
        rc = run(&r, &repo, &found, e);
    if (rc == 0)
        *ret_result =
            json_pack("{s:o,s:I,s:O,s:I}", "mended", json_from_strings(&r.mended), "brought",
                      (json_int_t)r.brought, "left", r.left, "bytes", (json_int_t)found.bytes);
    repo_close(&repo);
    check_result_deinit(&found);
    destination_close(&r.to);
    for (size_t i = 0; i < r.from_count; i++)
        destination_close(&r.from[i]);
    free(r.from);
    free(r.stores);
    strlist_deinit(&r.mended);
    json_decref(r.left);
    return rc;
}
