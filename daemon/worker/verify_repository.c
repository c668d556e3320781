#include "daemon/worker/verify_repository.h"

#include "daemon/worker/repo.h"
#include "lib/base/mem.h"
#include "lib/repository/damaged.h"

struct checking {
    struct worker *worker;
    struct verify_repository *job;
    const char *step;
    struct check_result found;
    struct strlist told; /* "JOB/ID" of sets that are in `damaged` */
};

static int on_progress(void *arg, uint64_t bytes, uint64_t total, struct err *e)
{
    const struct checking *c = arg;

    worker_progress(c->worker, c->step, bytes, total);
    return worker_cancelled(c->worker) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

static bool is_wanted(const struct checking *c, const char *job, const char *id)
{
    return c->job->id == NULL || (str_equal(c->job->job, job) && str_equal(c->job->id, id));
}

static void note(struct checking *c, const char *job, const char *id, const char *text)
{
    (void)json_array_append_new(c->job->damaged,
                                json_pack("{s:s,s:s,s:o,s:s}", "job", job, "id", id, "error",
                                          json_printable(text), "code", err_word(ERR_DAMAGED)));
}

/* What the loss means for one set: the first thing in it that is touched names it. */
static int on_touched(void *arg, const struct check_touched *t, struct err *e)
{
    struct checking *c = arg;
    _cleanup_free_ char *set = mem_printf("%s/%s", t->job, t->id);
    const char *first = c->found.damage_count > 0 ? c->found.damages[0].text : "";

    (void)e;
    if (!is_wanted(c, t->job, t->id) || strlist_contains(&c->told, set))
        return 0;
    strlist_add(&c->told, set);
    _cleanup_free_ char *text =
        mem_printf("%s%s%s%s%s: %s", t->source != NULL ? "source \"" : "its manifest",
                   t->source != NULL ? t->source : "", t->source != NULL ? "\"" : "",
                   t->path != NULL ? ": " : "", t->path != NULL ? t->path : "", first);
    note(c, t->job, t->id, text);
    return 0;
}

/* Damage that no set is hurt by is told of the place; so is all of it, object by object. */
static void note_objects(struct checking *c)
{
    for (size_t i = 0; i < c->found.damage_count; i++) {
        const struct check_damage *d = &c->found.damages[i];
        if (c->job->id == NULL)
            note(c, "", "", d->text);
        else
            worker_log(c->worker, WORKER_WARNING, "%s", d->text);
    }
}

static int look(struct checking *c, struct repo *r, struct err *e)
{
    const struct check_spec spec = {.repository = r->repository,
                                    .index = r->index,
                                    .threads = repo_threads(),
                                    .arg = c,
                                    .progress = on_progress};

    c->step = "check the structure";
    if (check_structure(&spec, &c->found, e) < 0)
        return -1;
    c->step = "read every byte";
    if (c->job->data && check_data(&spec, c->job->range, &c->found, e) < 0)
        return -1;
    if (c->job->data &&
        damaged_note(r->repository->cache_dir, r->place, c->job->range, &c->found, e) < 0)
        return -1;
    c->job->sets = c->job->id != NULL ? 1 : c->found.sets;
    c->job->bytes = c->found.bytes;
    if (c->found.damage_count == 0)
        return 0;
    c->step = "find what is touched";
    int rc = check_touched(&spec, &c->found, on_touched, c, e);
    note_objects(c);
    return rc;
}

static int run(struct checking *c, const struct destination *d, struct repo *r, struct err *e)
{
    struct repository_set set;

    if (repo_open(d, r, e) < 0)
        return -1;
    if (c->job->id != NULL && r->repository->keys->write_only)
        return err_set(e, ERR_KEY,
                       "%s: the key at hand may only write: verify a set with one that may read "
                       "(--all compares what lies there with its names)",
                       store_place(d->store));
    if ((c->job->id != NULL &&
         repository_find_set(r->repository, c->job->job, c->job->id, &set, e) < 0) ||
        index_open(r->repository->store, r->repository->keys, r->repository->cache_dir, true,
                   &r->index, NULL, e) < 0)
        return -1;
    c->job->may_read = !r->repository->keys->write_only;
    return look(c, r, e);
}

int verify_repository(struct worker *w, const struct destination *d, struct verify_repository *v,
                      struct err *e)
{
    struct checking c = {.worker = w, .job = v};
    struct repo r = {0};
    int rc = run(&c, d, &r, e);

    repo_close(&r);
    check_result_deinit(&c.found);
    strlist_deinit(&c.told);
    return rc;
}
