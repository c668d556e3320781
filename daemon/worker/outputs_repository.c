/* outputs_repository.c — one repository of a job: one adder over all replicas that are alive. */
#include <string.h>

#include "daemon/worker/outputs_parts.h"
#include "daemon/worker/replicas.h"
#include "lib/base/mem.h"
#include "lib/repository/add.h"
#include "lib/repository/mirror.h"
#include "lib/repository/tracking.h"

struct repo_side {
    struct worker *worker;
    const char *name, *id; /* of the repository, and of the set */
    const json_t *tracking;
    int threads;
    struct output **all; /* in the order of replicas */
    struct adder_replica *replicas;
    size_t count;
    struct output **foreign; /* replicas that another installation has taken */
    size_t foreign_count;
    struct repo repo;    /* at the first of them that could be opened: whose logs are longest */
    struct adder *adder; /* NULL: it is over */
    repo_side_others *others; /* or NULL */
    void *others_arg;
    struct tracking *tracked; /* NULL: nothing is remembered */
    bool doubt_told;
    bool begun;                  /* an artifact is open */
    struct tree_visitor visitor; /* of the tree that is open */
    const struct tree_visitor *events;
};

struct repo_side *repo_side_new(struct worker *w, const char *name, const char *id,
                                const json_t *tracking, int threads)
{
    struct repo_side *r = mem_alloc(sizeof(*r));

    *r = (struct repo_side){
        .worker = w, .name = name, .id = id, .tracking = tracking, .threads = threads};
    return r;
}

void repo_side_set_others(struct repo_side *r, repo_side_others *others, void *arg)
{
    r->others = others;
    r->others_arg = arg;
}

static bool is_elsewhere(void *side)
{
    const struct repo_side *r = side;

    return r->others != NULL && r->others(r->others_arg, r);
}

const char *repo_side_name(const struct repo_side *r)
{
    return r->name;
}

void repo_side_add(struct repo_side *r, struct output *out)
{
    if (out->failed) {
        r->foreign = mem_resize_array(r->foreign, r->foreign_count + 1, sizeof(struct output *));
        r->foreign[r->foreign_count++] = out;
        return;
    }
    r->all = mem_resize_array(r->all, r->count + 1, sizeof(struct output *));
    r->all[r->count++] = out;
}

bool repo_side_alive(const struct repo_side *r)
{
    return r->adder != NULL;
}

static void fail_all(struct repo_side *r, const struct err *why)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->all[i]->failed)
            output_fail(r->worker, r->all[i], why);
    adder_abort(TAKE(r->adder));
    r->begun = false;
}

/* Replicas that dropped out on the way. */
static void note_failed(struct repo_side *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->replicas[i].failed && !r->all[i]->failed)
            output_fail(r->worker, r->all[i], &r->replicas[i].error);
}

/* What came of a call of the adder. */
static bool went_well(struct repo_side *r, int rc, const struct err *why)
{
    note_failed(r);
    if (rc < 0)
        fail_all(r, why);
    return rc == 0;
}

/* --- opening --- */

static bool is_new(const struct repository *r)
{
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count;

    return repository_sets(r, &sets, &count, NULL) == 0 && count == 0;
}

static int begin_replica(struct repo_side *r, struct output *out, struct err *e)
{
    const struct mirror_spec spec = {.from = r->repo.repository, .to = out->to.store};
    struct mirror_result unused = {0};

    int rc = mirror_bring(&spec, &unused, e);
    return rc == 1
               ? err_set(e, ERR_EXISTS, "%s is ahead of its replicas", store_place(out->to.store))
               : rc;
}

/* It is opened at the first that can be; the others must hold the same one. */
static void open_replica(struct repo_side *r, struct output *out)
{
    char id[REPOSITORY_ID_LEN * 2 + 1] = "";
    struct err why = {0};
    int rc;

    if (r->repo.repository == NULL) {
        if (repo_open_or_create(&out->to, &r->repo, &why) < 0)
            output_fail(r->worker, out, &why);
        return;
    }
    rc = repository_probe(out->to.store, id, &why);
    if (rc == 1 && is_new(r->repo.repository)) { /* they begin together */
        if (begin_replica(r, out, &why) < 0)
            output_fail(r->worker, out, &why);
        return;
    }
    if (rc == 1)
        rc = err_set(&why, ERR_NOT_FOUND,
                     "it holds no replica of repository \"%s\" yet (synbakctl copy brings one)",
                     r->name);
    else if (rc == 0 && !str_equal(id, r->repo.repository->id))
        rc = err_set(&why, ERR_FOREIGN,
                     "%s holds repository %s, which is not \"%s\", %s: give it a name of its own",
                     store_place(out->to.store), id, r->name, r->repo.repository->id);
    if (rc < 0)
        output_fail(r->worker, out, &why);
}

/* What is not remembered is read in full: slower, and whole. */
static void stop_tracking(struct repo_side *r, const struct err *why)
{
    worker_log(r->worker, WORKER_WARNING, "nothing of this run will be remembered: %s", why->text);
    tracking_free(TAKE(r->tracked));
}

/* Once: why this run reads what it need not. */
static void tell_doubt(struct repo_side *r)
{
    const char *doubt = r->tracked == NULL ? NULL : tracking_doubt(r->tracked);

    if (doubt != NULL && !r->doubt_told)
        worker_log(r->worker, WORKER_INFO, "%s", doubt);
    r->doubt_told = doubt != NULL;
}

static void open_tracking(struct repo_side *r)
{
    struct tracking_spec spec = {.repository = r->repo.repository->id, .id = r->id};
    struct repo_author author;
    struct err why = {0};

    if (r->tracking == NULL)
        return;
    if (json_get_string(r->tracking, "dir", &spec.dir, &why) < 0 ||
        json_get_i64(r->tracking, "number", 0, INT64_MAX - 1, &spec.number, &why) < 0 ||
        repo_author(&r->all[0]->to, &author, &why) < 0) {
        stop_tracking(r, &why);
        return;
    }
    spec.host = author.host;
    if (tracking_open(&spec, &r->tracked, &why) < 0)
        stop_tracking(r, &why);
    tell_doubt(r);
}

static void put_longest_first(struct repo_side *r)
{
    _cleanup_free_ struct store **stores = mem_alloc((r->count + 1) * sizeof(struct store *));

    for (size_t i = 0; i < r->count; i++)
        stores[i] = r->all[i]->to.store;
    const size_t longest = replicas_longest(stores, r->count);
    struct output *first = r->all[longest];
    memmove(r->all + 1, r->all, longest * sizeof(struct output *));
    r->all[0] = first;
}

/* Who took a replica over goes on from there. */
static int check_first(const struct repo_side *r, struct err *e)
{
    _cleanup_free_ struct store **foreign =
        mem_alloc((r->foreign_count + 1) * sizeof(struct store *));

    for (size_t i = 0; i < r->foreign_count; i++)
        foreign[i] = r->foreign[i]->to.store;
    return replicas_check(&r->all[0]->to, &r->repo, foreign, r->foreign_count, e);
}

void repo_side_open(struct repo_side *r)
{
    struct err why = {0};
    size_t alive = 0;

    if (r->count > 0)
        put_longest_first(r);
    for (size_t i = 0; i < r->count; i++)
        open_replica(r, r->all[i]);
    for (size_t i = 0; i < r->count; i++) /* those that failed have no part in it */
        if (!r->all[i]->failed)
            r->all[alive++] = r->all[i];
    r->count = alive;
    if (alive == 0)
        return;
    r->replicas = mem_alloc(alive * sizeof(*r->replicas));
    for (size_t i = 0; i < alive; i++)
        r->replicas[i] =
            (struct adder_replica){.store = r->all[i]->to.store, .may_lag = r->all[i]->to.remote};
    if (check_first(r, &why) < 0 || repo_index_for_adding(r->worker, &r->repo, &why) < 0 ||
        adder_open(&r->adder, r->repo.repository, r->repo.index, r->replicas, alive, r->threads,
                   &why) < 0)
        fail_all(r, &why);
    else
        open_tracking(r);
    if (r->adder != NULL)
        adder_set_elsewhere(r->adder, is_elsewhere, r);
}

/* --- one artifact --- */

/* The name of what is remembered of an artifact. */
static char *list_name(const struct output_artifact *about)
{
    _cleanup_free_ char *base = manifest_file_name(about->source, about->kind, about->database);

    return mem_strdup(base + strlen(about->source) + 1);
}

static void end_tracking(struct repo_side *r, bool whole)
{
    struct err why = {0};

    tell_doubt(r);
    if (r->tracked != NULL && tracking_end(r->tracked, whole, &why) < 0)
        stop_tracking(r, &why);
}

void repo_side_begin(struct repo_side *r, const struct output_artifact *about)
{
    struct err why = {0};

    _cleanup_free_ char *name = list_name(about);

    if (r->adder == NULL)
        return;
    if (r->tracked != NULL && tracking_begin(r->tracked, name, &why) < 0)
        stop_tracking(r, &why);
    const int previous = r->tracked != NULL ? tracking_previous(r->tracked) : -1;
    const int copy = r->tracked != NULL ? tracking_copy(r->tracked) : -1;
    r->begun = went_well(r, adder_stream_begin(r->adder, previous, copy, &why), &why);
}

void repo_side_write(struct repo_side *r, const void *data, size_t len)
{
    struct err why = {0};

    if (r->begun)
        (void)went_well(r, adder_write(r->adder, data, len, &why), &why);
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    (void)path;
    (void)bytes;
    return worker_cancelled(((struct repo_side *)arg)->worker)
               ? err_set(e, ERR_CANCELLED, "cancelled")
               : 0;
}

static void on_problem(void *arg, const char *text)
{
    const struct tree_visitor *events = ((struct repo_side *)arg)->events;

    events->problem(events->arg, text);
}

static void on_note(void *arg, const char *text)
{
    const struct tree_visitor *events = ((struct repo_side *)arg)->events;

    events->note(events->arg, text);
}

static int on_find(void *arg, const char *path, const struct stat *st,
                   const struct list_entry **ret, bool *ret_same, struct err *e)
{
    return tracking_find(((struct repo_side *)arg)->tracked, path, st, ret, ret_same, e);
}

static int on_more(void *arg, const struct chunk_ref **ret, size_t *ret_count, struct err *e)
{
    return tracking_more(((struct repo_side *)arg)->tracked, ret, ret_count, e);
}

void repo_side_begin_tree(struct repo_side *r, const struct output_artifact *about,
                          const struct tree_read_spec *spec, const struct tree_visitor *events)
{
    _cleanup_free_ char *name = list_name(about);
    struct err why = {0};

    if (r->adder == NULL)
        return;
    r->events = events;
    if (r->tracked != NULL &&
        tracking_begin_tree(r->tracked, name, spec->path, spec->attributes, &why) < 0)
        stop_tracking(r, &why);
    const bool tracked = r->tracked != NULL;
    const struct adder_tree tree = {.arg = r,
                                    .find = tracked ? on_find : NULL,
                                    .more = tracked ? on_more : NULL,
                                    .progress = on_progress,
                                    .problem = on_problem,
                                    .note = on_note};
    r->begun =
        went_well(r,
                  adder_tree_begin(r->adder, &tree, tracked ? tracking_previous(r->tracked) : -1,
                                   tracked ? tracking_copy(r->tracked) : -1, &r->visitor, &why),
                  &why);
}

bool repo_side_known(struct repo_side *r, const char *path, const struct stat *st)
{
    struct err why = {0};

    if (!r->begun || r->visitor.known == NULL)
        return false;
    int rc = r->visitor.known(r->visitor.arg, path, st, &why);
    if (rc < 0)
        fail_all(r, &why);
    return rc == 1;
}

void repo_side_member(struct repo_side *r, const struct tree_member *m)
{
    struct err why = {0};

    if (r->begun)
        (void)went_well(r, r->visitor.member(r->visitor.arg, m, &why), &why);
}

void repo_side_data(struct repo_side *r, const void *data, size_t len)
{
    struct err why = {0};

    if (r->begun)
        (void)went_well(r, r->visitor.data(r->visitor.arg, data, len, &why), &why);
}

void repo_side_spoiled(struct repo_side *r, const char *path)
{
    if (r->begun && r->tracked != NULL)
        tracking_spoil(r->tracked, path);
}

static void note_added(struct repo_side *r, const struct output_artifact *about,
                       const struct added *added)
{
    struct manifest_artifact a = {.raw_bytes = added->raw_bytes, .stored_bytes = added->new_bytes};

    repo_list_text(added->list, added->list_count, &a.list);
    for (size_t i = 0; i < r->count; i++)
        if (!r->all[i]->failed)
            output_note(r->all[i], about, &a);
    strlist_deinit(&a.list);
}

void repo_side_end(struct repo_side *r, const struct output_artifact *about)
{
    struct added added = {0};
    struct err why = {0};

    if (r->begun && went_well(r, adder_end(r->adder, &added, &why), &why)) {
        end_tracking(r, true);
        note_added(r, about, &added);
    }
    added_deinit(&added);
    r->begun = false;
}

/* The adder goes on with other artifacts: what came of this one is ended and forgotten, and is the
 * pruner's. */
void repo_side_abort(struct repo_side *r)
{
    struct added added = {0};
    struct err why = {0};

    if (r->begun && went_well(r, adder_end(r->adder, &added, &why), &why))
        end_tracking(r, false);
    added_deinit(&added);
    r->begun = false;
}

void repo_side_finish(struct repo_side *r, int64_t *ret_number)
{
    uint64_t new_bytes = 0;
    struct err why = {0};

    *ret_number = 0;
    if (r->adder == NULL || !went_well(r, adder_finish(TAKE(r->adder), &new_bytes, &why), &why))
        return;
    if (r->tracked != NULL && tracking_finish(r->tracked, ret_number, &why) < 0)
        stop_tracking(r, &why);
}

void repo_side_free(struct repo_side *r)
{
    if (r == NULL)
        return;
    adder_abort(r->adder);
    tracking_free(r->tracked);
    repo_close(&r->repo);
    free(r->all);
    free(r->foreign);
    free(r->replicas);
    free(r);
}
