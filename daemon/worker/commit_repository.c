/* commit_repository.c — a set in a repository: its manifest is a chunk, its record in the writer's
 * log is the commit, and the replicas get both byte for byte.
 *
 * The happy path is: claim every replica, the one whose logs are longest goes first, the manifest is added
 * to all that hold as much of the sources, the record is appended there and carried to the others. Failure modes: a
 * replica that is away or lacks a source gets the set by a later copy; another installation holds
 * the writer's role (ERR_FOREIGN), or the log is not what was seen before (ERR_TAMPERED). */
#include <string.h>

#include "daemon/worker/commit.h"
#include "daemon/worker/replicas.h"
#include "daemon/worker/repo_commit.h"
#include "lib/base/mem.h"
#include "lib/repository/mirror.h"

struct replica {
    const json_t *store;
    struct destination to;
    struct marker marker;
    size_t sources; /* that it holds something of */
    bool failed;
    struct err error;
};

struct group {
    struct worker *worker;
    const struct commit *commit;
    struct replica *all;
    size_t count;
    struct replica *first; /* that is appended to; NULL: none is left */
    struct repo repo;      /* there */
    struct manifest manifest;
    uint64_t stored_bytes;
};

static void fail(struct replica *r, const struct err *why)
{
    r->failed = true;
    r->error = *why;
}

static size_t count_sources(const struct commit *c, const char *destination)
{
    const json_t *source;
    size_t i, count = 0;

    json_array_foreach(c->sources, i, source) count +=
        json_array_size(json_object_get(json_object_get(source, "artifacts"), destination)) > 0;
    return count;
}

static void open_all(struct group *g, const char *repository)
{
    const json_t *store;
    struct err why = {0};
    size_t i;

    g->all = mem_alloc(json_array_size(g->commit->stores) * sizeof(*g->all));
    json_array_foreach(g->commit->stores, i, store)
    {
        if (!str_equal(json_opt_string(store, "repository", NULL), repository))
            continue;
        struct replica *r = &g->all[g->count++];
        r->store = store;
        r->sources = count_sources(g->commit, json_opt_string(store, "destination", ""));
        if (destination_open(g->worker, store, &r->to, &why) < 0 ||
            destination_claim(&r->to, &r->marker, &why) < 0)
            fail(r, &why);
    }
}

/* Whose logs are longest; of several, what holds most. */
static void choose_first(struct group *g)
{
    _cleanup_free_ struct store **stores = mem_alloc((g->count + 1) * sizeof(struct store *));
    _cleanup_free_ struct replica **whose = mem_alloc((g->count + 1) * sizeof(struct replica *));
    size_t count = 0, most = 0;

    for (size_t i = 0; i < g->count; i++)
        if (!g->all[i].failed && g->all[i].sources > most)
            most = g->all[i].sources;
    for (int full = 1; full >= 0; full--)
        for (size_t i = 0; i < g->count; i++)
            if (!g->all[i].failed && (g->all[i].sources == most) == (full == 1)) {
                whose[count] = &g->all[i];
                stores[count++] = g->all[i].to.store;
            }
    if (count > 0)
        g->first = whose[replicas_longest(stores, count)];
}

/* A set exists at a replica once everything that it names is there. */
static void drop_those_that_lack(struct group *g)
{
    struct err why = {0};

    for (size_t i = 0; i < g->count; i++) {
        if (g->all[i].failed || g->all[i].sources == g->first->sources)
            continue;
        (void)err_set(&why, ERR_SOURCE, "not every source could be stored here: a copy brings it");
        fail(&g->all[i], &why);
    }
}

static int make_manifest(struct group *g, struct err *e)
{
    struct manifest *m = &g->manifest;
    const struct repository *r = g->repo.repository;

    m->repository = true;
    m->readback = mem_strdup(store_readback(g->first->to.store));
    memcpy(m->destination_id, r->id, sizeof(m->destination_id));
    if (commit_fill(g->commit, g->first->to.name, m, e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++)
        g->stored_bytes += m->artifacts[i].stored_bytes;
    return 0;
}

static int add_manifest(struct group *g, struct adder_replica *replicas, size_t count,
                        struct chunk_ref *ret, struct err *e)
{
    struct buf bytes = BUF_INIT(MANIFEST_MAX);
    struct adder *adder = NULL;
    uint64_t new_bytes;

    int rc = repo_manifest_bytes(&g->manifest, &bytes, e);
    if (rc == 0)
        rc = repo_index_for_adding(g->worker, &g->repo, e);
    if (rc == 0)
        rc = adder_open(&adder, g->repo.repository, g->repo.index, replicas, count, 1, e);
    if (rc == 0)
        rc = adder_chunk(adder, CHUNK_SET, bytes.data, bytes.len, ret, e);
    if (rc == 0)
        rc = adder_finish(TAKE(adder), &new_bytes, e);
    adder_abort(adder);
    buf_deinit(&bytes);
    return rc;
}

/* With the manifest at every replica that is left. */
static int store_manifest(struct group *g, struct chunk_ref *ret, struct err *e)
{
    _cleanup_free_ struct adder_replica *replicas = mem_alloc(g->count * sizeof(*replicas));
    _cleanup_free_ struct replica **whose = mem_alloc(g->count * sizeof(struct replica *));
    size_t count = 0;

    for (size_t i = 0; i < g->count; i++)
        if (!g->all[i].failed) {
            whose[count] = &g->all[i];
            replicas[count++].store = g->all[i].to.store;
        }
    int rc = add_manifest(g, replicas, count, ret, e);
    for (size_t i = 0; i < count; i++)
        if (replicas[i].failed)
            fail(whose[i], &replicas[i].error);
    if (rc == 0 && g->first->failed) /* its log is the one that is appended to */
        return err_set(e, g->first->error.code, "%s", g->first->error.text);
    return rc;
}

static int append_record(struct group *g, const struct chunk_ref *manifest, struct err *e)
{
    struct repo_author author;

    if (repo_author(&g->first->to, &author, e) < 0)
        return -1;
    return repo_append_set(&g->repo, &author.who, &g->manifest, manifest, e);
}

static void carry_record(struct group *g)
{
    struct err why = {0};

    for (size_t i = 0; i < g->count; i++) {
        struct replica *r = &g->all[i];
        if (r->failed || r == g->first)
            continue;
        int rc = log_replicate(g->repo.repository->writer, r->to.store, &why);
        if (rc == 1)
            (void)err_set(&why, ERR_NOT_FOUND,
                          "this replica lacks earlier records of the log: a copy brings them");
        if (rc != 0)
            fail(r, &why);
    }
}

/* Each run leaves segments behind. The set is committed already: what fails here is tried again by the
 * next run. */
static void merge_segments(struct group *g)
{
    char name[80];
    uint64_t bytes;
    struct err why = {0};

    if (g->repo.index == NULL)
        return;
    int rc = index_merge_tier(g->repo.index, g->first->to.store, name, &why);
    for (size_t i = 0; i < g->count && rc == 0; i++)
        if (!g->all[i].failed && &g->all[i] != g->first &&
            mirror_object(g->first->to.store, g->all[i].to.store, name, MIRROR_IF_MISSING, &bytes,
                          &why) < 0)
            rc = -1;
    if (rc < 0)
        worker_log(g->worker, WORKER_WARNING, "index segments are not merged yet: %s", why.text);
}

static void commit_group(struct group *g)
{
    struct chunk_ref manifest;
    struct err why = {0};

    choose_first(g);
    if (g->first == NULL)
        return;
    drop_those_that_lack(g);
    if (repo_open_or_create(&g->first->to, &g->repo, &why) < 0 ||
        replicas_check(&g->first->to, &g->repo, NULL, 0, &why) < 0 || make_manifest(g, &why) < 0 ||
        store_manifest(g, &manifest, &why) < 0 || append_record(g, &manifest, &why) < 0) {
        destination_say_name(&g->first->to, &why);
        for (size_t i = 0; i < g->count; i++)
            if (!g->all[i].failed)
                fail(&g->all[i], &why);
        return;
    }
    carry_record(g);
    merge_segments(g);
}

/* The writer's record was carried to every replica, the pruner's log only copies bring: where it lags, what is
 * there is told by the next scan. Saying more than there is would look like a log that was rolled back. NULL: not known. */
static json_t *heads_at(const struct group *g, const struct replica *r)
{
    uint64_t there = 0;

    if (r != g->first && (log_newest(r->to.store, LOG_PRUNER, &there, NULL) < 0 ||
                          there != log_count(g->repo.repository->pruner)))
        return NULL;
    return repo_heads(&g->repo);
}

static json_t *replica_result(const struct group *g, const struct replica *r)
{
    const char *name = json_opt_string(r->store, "destination", "");
    struct err unused; /* the set is committed, whoever may open it */
    bool recovery;

    if (r->failed)
        return commit_result(name, r->marker.id, 0, NULL, &r->error);
    json_t *o = commit_result(name, r->marker.id, g->stored_bytes, heads_at(g, r), NULL);
    if (repo_has_recovery(&r->to, &recovery, &unused) == 0)
        (void)json_object_set_new(o, "recovery_slot", json_boolean(recovery));
    (void)json_object_set_new(o, "may_read", json_boolean(!g->repo.repository->keys->write_only));
    return o;
}

void commit_repository(struct worker *w, const struct commit *c, const char *repository,
                       json_t *results)
{
    struct group g = {.worker = w, .commit = c};

    open_all(&g, repository);
    commit_group(&g);
    for (size_t i = 0; i < g.count; i++)
        (void)json_array_append_new(results, replica_result(&g, &g.all[i]));
    repo_close(&g.repo);
    manifest_deinit(&g.manifest);
    for (size_t i = 0; i < g.count; i++)
        destination_close(&g.all[i].to);
    free(g.all);
}
