/* adopt.c — the verb that makes this installation the owner of a destination, and of a repository there,
 * as it is now: both roles are taken, and what was remembered of it is forgotten. Of several replicas, the roles are
 * taken once, where the logs are longest, and the records brought to the others that are ours.
 *
 * A marker that is lost is made again as it was: each manifest repeats the destination's id and
 * salt. Under a new id all sets that lie there would seem to belong elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/worker/replicas.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/plain/set_list.h"

/* 1: a set was found that opens with our keys. The newest first: it was made here. */
static int recall_of_job(struct destination *d, const char *job, struct marker *ret, struct err *e)
{
    _cleanup_free_ struct set_entry *entries = NULL;
    struct manifest m;
    size_t count;

    if (set_list(d->store, job, &entries, &count, e) < 0)
        return -1;
    while (count-- > 0) {
        struct err why = {0}; /* a damaged set, or one of another key, says nothing */
        if (!entries[count].folder ||
            keyring_read(d->ring, d->store, job, entries[count].id, NULL, &m, NULL, NULL, &why) < 0)
            continue;
        memcpy(ret->id, m.destination_id, sizeof(ret->id));
        memcpy(ret->salt, m.salt, sizeof(ret->salt));
        manifest_deinit(&m);
        return 1;
    }
    return 0;
}

static int recall(struct destination *d, struct marker *ret, struct err *e)
{
    struct strlist jobs = {0};
    int rc = set_list_jobs(d->store, &jobs, e);

    for (size_t i = 0; rc == 0 && i < jobs.count; i++)
        rc = recall_of_job(d, jobs.items[i], ret, e);
    strlist_deinit(&jobs);
    return rc;
}

static int adopt(struct destination *d, struct marker *ret, struct err *e)
{
    struct marker lost = {0};
    struct err why = {0};
    int found = 0;

    if (d->owner == NULL)
        return err_set(e, ERR_FORMAT, "\"owner\" is missing");
    if (marker_read(d->store, ret, &why) < 0 && why.code == ERR_NOT_FOUND)
        found = recall(d, &lost, e);
    return found < 0 ? -1 : marker_adopt(d->store, d->owner, found == 1 ? &lost : NULL, ret, e);
}

/* What was read of the logs before may not be what lies there now. */
static int forget_cache(const struct destination *d, const char *id, struct err *e)
{
    struct err why = {0};
    _cleanup_(fs_closep) int dir = -1;

    if (d->cache_dir == NULL)
        return 0;
    if (fs_open_dir(d->cache_dir, &dir, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    return fs_remove_tree(dir, id, e);
}

/* Not what was remembered: it is accepted as it is now. */
static int open_as_it_is(struct destination *d, struct repo *ret, struct err *e)
{
    d->writer_known = d->pruner_known = false;
    return repo_open(d, ret, e);
}

/* --- the other replicas --- */

struct other { /* another replica of the same repository, as it is now */
    struct destination to;
    struct repo repo;
    bool ours, longer;
};

struct adopting {
    struct worker *worker;
    const json_t *stores; /* the first is the one that is adopted; replicas follow */
    struct destination to;
    struct repo repo;
    struct other *others;
    size_t count;
    json_t *heads; /* owned: of the replicas that have the same records */
};

static bool is_ours(const struct destination *d)
{
    struct marker marker;

    return marker_read(d->store, &marker, NULL) == 0 && str_equal(marker.owner, d->owner);
}

static bool goes_on(const struct repository *from, const struct repository *to)
{
    return log_begins(from->writer, to->writer) && log_begins(from->pruner, to->pruner) &&
           (log_count(to->writer) > log_count(from->writer) ||
            log_count(to->pruner) > log_count(from->pruner));
}

/* One that cannot be looked at has what was seen there. */
static void note_absent(struct adopting *a, const json_t *store)
{
    static const char *const members[] = {"known_writer", "known_pruner"};
    int64_t *const newest[] = {&a->to.newest_writer, &a->to.newest_pruner};

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *text = json_opt_string(store, members[i], NULL);
        struct log_head head;
        if (text != NULL && log_head_parse(text, &head, NULL) == 0 &&
            (int64_t)head.number > *newest[i])
            *newest[i] = (int64_t)head.number;
    }
}

static void look_at_other(struct adopting *a, const json_t *store)
{
    struct other *o = &a->others[a->count];
    struct err why;

    *o = (struct other){0};
    if (destination_open(a->worker, store, &o->to, &why) < 0) {
        note_absent(a, store);
        return;
    }
    if (!o->to.repository || open_as_it_is(&o->to, &o->repo, &why) < 0) {
        note_absent(a, store);
        destination_close(&o->to);
        return;
    }
    if (!str_equal(o->repo.repository->id, a->repo.repository->id)) {
        repo_close(&o->repo);
        destination_close(&o->to);
        return;
    }
    o->ours = is_ours(&o->to);
    o->longer = goes_on(a->repo.repository, o->repo.repository);
    a->count++;
}

static void look_at_others(struct adopting *a)
{
    a->others = mem_alloc(json_array_size(a->stores) * sizeof(*a->others));
    for (size_t i = 1; i < json_array_size(a->stores); i++)
        look_at_other(a, json_array_get(a->stores, i));
}

/* The one that goes on farthest from what lies here; NULL: none does. */
static struct other *leader(const struct adopting *a)
{
    struct other *best = NULL;

    for (size_t i = 0; i < a->count; i++)
        if (a->others[i].longer &&
            (best == NULL || goes_on(best->repo.repository, a->others[i].repo.repository)))
            best = &a->others[i];
    return best;
}

/* --- taking it over --- */

/* A role that we hold needs no record. */
static int take(struct log *log, const struct log_author *who, struct err *e)
{
    return str_equal(log_holder(log, NULL, NULL), who->installation) ? 0 : log_take(log, who, e);
}

static int take_roles(const struct destination *d, struct repository *r, struct err *e)
{
    struct repo_author author;

    if (repo_author(d, &author, e) < 0 || take(r->writer, &author.who, e) < 0)
        return -1;
    return r->keys->write_only ? 0 : take(r->pruner, &author.who, e);
}

static void note_heads(struct adopting *a, const struct destination *d, const struct repo *from)
{
    (void)json_object_set_new(a->heads, d->name, repo_heads(from));
}

/* Other records than that of a take-over need what they speak of to be there first. 1: more is lacking. */
static int carry_role(const struct log *log, enum log_role role, struct store *to, struct err *e)
{
    const size_t count = log_count(log);
    uint64_t there;

    if (log_newest(to, role, &there, e) < 0)
        return -1;
    if (there != count && strcmp(log_at(log, count - 1).kind, "epoch") != 0)
        return 1;
    return log_replicate(log, to, e);
}

/* What a replica of ours lacks beyond the take-over comes with a copy. */
static void carry(struct adopting *a, const struct repo *from, const struct destination *to)
{
    struct err why = {0};
    int rc = carry_role(from->repository->writer, LOG_WRITER, to->store, &why);

    if (rc == 0)
        rc = carry_role(from->repository->pruner, LOG_PRUNER, to->store, &why);
    if (rc == 0)
        note_heads(a, to, from);
    else
        worker_log(a->worker, WORKER_NOTICE, "replica \"%s\" is brought in line by a copy%s%s",
                   to->name, rc < 0 ? ": " : "", rc < 0 ? why.text : "");
}

/* The records are made once, where the logs are longest; everywhere else they are brought. */
static int take_over(struct adopting *a, struct other *lead, struct err *e)
{
    const struct destination *d = lead != NULL ? &lead->to : &a->to;
    const struct repo *from = lead != NULL ? &lead->repo : &a->repo;

    if (take_roles(d, from->repository, e) < 0)
        return -1;
    note_heads(a, d, from);
    if (lead != NULL) {
        note_heads(a, &a->to, &a->repo);
        carry(a, from, &a->to);
    }
    for (size_t i = 0; i < a->count; i++)
        if (&a->others[i] != lead && a->others[i].ours)
            carry(a, from, &a->others[i].to);
    return 0;
}

/* 1: there is none yet. */
static int open_repository(struct adopting *a, struct err *e)
{
    char id[REPOSITORY_ID_LEN * 2 + 1];
    int rc = repository_probe(a->to.store, id, e);

    if (rc != 0)
        return rc;
    if (forget_cache(&a->to, id, e) < 0 || open_as_it_is(&a->to, &a->repo, e) < 0)
        return -1;
    a->to.newest_writer = a->to.newest_pruner =
        0; /* of those that are there, what lies there counts */
    look_at_others(a);
    return 0;
}

static int adopt_repository(struct adopting *a, struct marker *ret, struct err *e)
{
    int rc = open_repository(a, e);
    struct other *lead = leader(a);

    if (rc == 0 && lead != NULL && !lead->ours)
        rc = err_set(e, ERR_REFUSED,
                     "replica \"%s\" has records that \"%s\" lacks: synbakctl adopt %s first",
                     lead->to.name, a->to.name, lead->to.name);
    if (rc == 0 && lead == NULL)
        rc = replicas_check(&a->to, &a->repo, NULL, 0, e);
    if (rc < 0 || adopt(&a->to, ret, e) < 0)
        return -1;
    return rc == 1 ? 0 : take_over(a, lead, e);
}

static void adopting_deinit(struct adopting *a)
{
    for (size_t i = 0; i < a->count; i++) {
        repo_close(&a->others[i].repo);
        destination_close(&a->others[i].to);
    }
    free(a->others);
    repo_close(&a->repo);
    destination_close(&a->to);
    json_decref(a->heads);
}

int verb_adopt(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct adopting a = {
        .worker = w, .stores = json_object_get(job, "stores"), .heads = json_object()};
    json_t *store = json_array_get(a.stores, 0);
    struct marker marker;

    int rc = (store == NULL && json_get_object(job, "store", &store, e) < 0) ||
                     destination_open(w, store, &a.to, e) < 0
                 ? -1
             : a.to.repository ? adopt_repository(&a, &marker, e)
                               : adopt(&a.to, &marker, e);
    if (rc == 0)
        *ret_result = json_pack("{s:s,s:O}", "marker_id", marker.id, "heads", a.heads);
    adopting_deinit(&a);
    return rc;
}
