#include "daemon/worker/prune_repository.h"

#include <string.h>

#include "daemon/worker/replicas.h"
#include "lib/base/mem.h"
#include "lib/repository/collect.h"

enum { DELETE_MAX = 10000 }; /* packs in one pass: 80 GB of them */
static const uint64_t repack_max = 1ULL << 30;

struct pruning {
    struct worker *worker;
    struct destination *all; /* the first is where it is opened */
    size_t count;
    struct store **others;
    size_t other_count;
    struct strlist problems; /* replicas that take no part */
    struct strlist ids, reading;
    struct collect_set *remove, *keep;
    struct pack_name *damaged;
    char owner[33]; /* of the marker, where the job names none */
    struct repo repo;
};

static bool is_cancelled(void *arg)
{
    return worker_cancelled(((struct pruning *)arg)->worker);
}

static void report(void *arg, const char *phase, uint64_t done, uint64_t total)
{
    worker_progress(((struct pruning *)arg)->worker, phase, done, total);
}

/* Without an owner it is an operator who deletes for the installation that may not: the place stays
 * that one's, but must be a destination at all. */
static int claim(struct pruning *p, struct destination *d, struct err *e)
{
    struct marker marker;

    if (d->owner != NULL)
        return destination_claim(d, &marker, e);
    if (marker_read(d->store, &marker, e) < 0)
        return -1;
    memcpy(p->owner, marker.owner, sizeof(p->owner));
    d->owner = mem_strdup(p->owner);
    return 0;
}

static int open_stores(struct pruning *p, const json_t *job, struct err *e)
{
    const json_t *stores = json_object_get(job, "stores"), *one = json_object_get(job, "store");
    const size_t count = json_is_array(stores) ? json_array_size(stores) : 1;

    p->all = mem_alloc(count * sizeof(*p->all));
    p->others = mem_alloc(count * sizeof(struct store *));
    for (size_t i = 0; i < count; i++) {
        const json_t *store = json_is_array(stores) ? json_array_get(stores, i) : one;
        struct destination *d = &p->all[p->count];
        struct err why = {0};
        if (destination_open(p->worker, store, d, &why) == 0) {
            p->count++;
            if (claim(p, d, &why) == 0) {
                if (i > 0)
                    p->others[p->other_count++] = d->store;
                continue;
            }
        }
        if (i == 0) {
            *e = why;
            return -1;
        }
        strlist_addf(&p->problems, "replica \"%s\" is left alone: %s",
                     json_opt_string(store, "destination", "?"), why.text);
    }
    return 0;
}

/* "JOB/ID" cut in place. */
static struct collect_set *parse_reading(struct strlist *names)
{
    struct collect_set *sets = mem_alloc(names->count * sizeof(*sets));

    for (size_t i = 0; i < names->count; i++) {
        char *slash = strchr(names->items[i], '/');
        if (slash != NULL)
            *slash++ = '\0';
        sets[i] = (struct collect_set){names->items[i], slash != NULL ? slash : ""};
    }
    return sets;
}

static int read_job(struct pruning *p, const json_t *job, struct collect_spec *spec, struct err *e)
{
    const char *name, *oldest = json_opt_string(job, "oldest_run", NULL);

    if (json_get_string(job, "job", &name, e) < 0 || json_get_strings(job, "ids", &p->ids, e) < 0 ||
        (json_object_get(job, "reading") != NULL &&
         json_get_strings(job, "reading", &p->reading, e) < 0))
        return -1;
    if (oldest != NULL && clock_parse_iso8601(oldest, &spec->oldest_run) < 0)
        return err_set(e, ERR_FORMAT, "\"oldest_run\" is not a time");
    p->remove = mem_alloc(p->ids.count * sizeof(*p->remove));
    for (size_t i = 0; i < p->ids.count; i++)
        p->remove[i] = (struct collect_set){name, p->ids.items[i]};
    p->keep = parse_reading(&p->reading);
    spec->clock_in_doubt = json_opt_bool(job, "clock_in_doubt", false);
    spec->remove_only = !json_opt_bool(job, "collect", true);
    spec->remove = p->remove;
    spec->remove_count = p->ids.count;
    spec->reading = p->keep;
    spec->reading_count = p->reading.count;
    return 0;
}

/* Of the sets that were to go, those that stayed. */
static json_t *list_failed(const struct pruning *p, const struct collect_result *r)
{
    json_t *failed = json_array();

    for (size_t i = 0; i < p->ids.count; i++) {
        _cleanup_free_ char *head = mem_printf("%s/%s: ", p->remove[i].job, p->remove[i].id);
        for (size_t k = 0; k < r->refused.count; k++)
            if (str_starts(r->refused.items[k], head))
                (void)json_array_append_new(
                    failed, json_pack("{s:s,s:o}", "id", p->remove[i].id, "error",
                                      json_printable(r->refused.items[k] + strlen(head))));
    }
    return failed;
}

static json_t *list_removed(const struct pruning *p, const json_t *failed)
{
    json_t *removed = json_array();
    const json_t *one;
    size_t i, k;

    for (i = 0; i < p->ids.count; i++) {
        bool stayed = false;
        json_array_foreach(failed, k, one) stayed |=
            str_equal(json_opt_string(one, "id", ""), p->ids.items[i]);
        if (!stayed)
            (void)json_array_append_new(removed, json_string(p->ids.items[i]));
    }
    return removed;
}

static json_t *make_result(const struct pruning *p, struct collect_result *r)
{
    json_t *failed = list_failed(p, r);

    for (size_t i = 0; i < p->problems.count; i++)
        strlist_add(&r->problems, p->problems.items[i]);
    return json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "removed", list_removed(p, failed), "failed",
                     failed, "problems", json_from_strings(&r->problems), "heads",
                     repo_heads(&p->repo), "freed_bytes", (json_int_t)r->freed_bytes, "trash_bytes",
                     (json_int_t)r->trash_bytes, "live_bytes", (json_int_t)r->live_bytes);
}

/* Against all of them, also those that take no part. */
static int check_first(const struct pruning *p, struct err *e)
{
    _cleanup_free_ struct store **others = mem_alloc(p->count * sizeof(struct store *));

    for (size_t i = 1; i < p->count; i++)
        others[i - 1] = p->all[i].store;
    return replicas_check(&p->all[0], &p->repo, others, p->count - 1, e);
}

static int collect_all(struct pruning *p, const json_t *job, json_t **ret_result, struct err *e)
{
    struct collect_result result = {0};
    struct repo_author author;
    struct collect_spec spec = {.rule = "retention",
                                .now = clock_wall(),
                                .delete_max = DELETE_MAX,
                                .repack_max = repack_max,
                                .threads = repo_threads(),
                                .cancelled = is_cancelled,
                                .progress = report,
                                .arg = p};

    if (read_job(p, job, &spec, e) < 0 || open_stores(p, job, e) < 0 ||
        repo_author(&p->all[0], &author, e) < 0 || repo_open(&p->all[0], &p->repo, e) < 0 ||
        check_first(p, e) < 0 || repo_damaged(&p->repo, &p->damaged, &spec.damaged_count, e) < 0)
        return -1;
    spec.damaged = p->damaged;
    spec.repository = p->repo.repository;
    spec.replicas = p->others;
    spec.replica_count = p->other_count;
    spec.who = &author.who;
    spec.trash_s = p->all[0].trash_s;
    int rc = collect(&spec, &result, e);
    if (rc == 0)
        *ret_result = make_result(p, &result);
    collect_result_deinit(&result);
    return rc;
}

int prune_repository(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct pruning p = {.worker = w};
    int rc = collect_all(&p, job, ret_result, e);

    repo_close(&p.repo);
    for (size_t i = 0; i < p.count; i++)
        destination_close(&p.all[i]);
    free(p.all);
    free(p.others);
    free(p.remove);
    free(p.keep);
    free(p.damaged);
    strlist_deinit(&p.ids);
    strlist_deinit(&p.reading);
    strlist_deinit(&p.problems);
    return rc;
}
