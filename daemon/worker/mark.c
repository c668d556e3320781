/* mark.c — the verb that pins, unpins or accepts a set. */
#include <string.h>

#include "daemon/worker/replicas.h"
#include "lib/plain/marks.h"

struct mark {
    const char *job, *id, *kind, *reason;
    struct wall until;
};

struct marking {
    struct worker *worker;
    const json_t *stores; /* replicas, or NULL */
    struct destination to;
    json_t *heads; /* owned; of a repository */
};

static int check_kind(const char *kind, struct err *e)
{
    return strcmp(kind, "pin") == 0 || strcmp(kind, "unpin") == 0 || strcmp(kind, "accept") == 0
               ? 0
               : err_set(e, ERR_FORMAT, "\"kind\" is none of pin, unpin, accept");
}

/* With the set's own key, so that whoever can read the set can read the mark. */
static int mark_plain(struct destination *d, const struct mark *mark, struct err *e)
{
    const struct mac_key *mac;
    struct manifest m;

    if (destination_read(d, mark->job, mark->id, &m, NULL, &mac, e) < 0)
        return -1;
    manifest_deinit(&m);
    return marks_add(d->store, mark->job, mark->id, mac, mark->kind, mark->reason, mark->until,
                     clock_wall(), e);
}

/* The record at the other replicas. One that is away or behind gets it with what else it lacks. */
static void carry(struct worker *w, const json_t *stores, const struct repo *r)
{
    for (size_t i = 1; i < json_array_size(stores); i++) {
        const json_t *store = json_array_get(stores, i);
        struct destination d = {0};
        struct marker marker;
        struct err why = {0};
        int rc =
            destination_open(w, store, &d, &why) < 0 || destination_claim(&d, &marker, &why) < 0
                ? -1
                : log_replicate(r->repository->writer, d.store, &why);
        if (rc != 0)
            worker_log(w, WORKER_WARNING, "replica \"%s\" gets the mark by a copy%s%s",
                       json_opt_string(store, "destination", "?"), rc < 0 ? ": " : "",
                       rc < 0 ? why.text : "");
        destination_close(&d);
    }
}

static int check_others(const struct marking *m, const struct repo *r, struct err *e)
{
    const size_t count = json_array_size(m->stores);
    int rc = replicas_check(&m->to, r, NULL, 0, e);

    for (size_t i = 1; rc == 0 && i < count; i++) {
        struct destination other = {0};
        if (destination_open(m->worker, json_array_get(m->stores, i), &other, NULL) < 0)
            continue;
        rc = replicas_check(&m->to, r, &other.store, 1, e);
        destination_close(&other);
    }
    return rc;
}

/* A record of the writer's log. */
static int mark_in_log(struct marking *m, const struct mark *mark, struct err *e)
{
    const struct destination *d = &m->to;
    struct repo r = {0};
    struct repository_set set;
    struct repo_author author;
    struct log_head head;
    char until[32];

    if (repo_author(d, &author, e) < 0 || repo_open(d, &r, e) < 0)
        return -1;
    int rc = check_others(m, &r, e);
    if (rc == 0)
        rc = repository_find_set(r.repository, mark->job, mark->id, &set, e);
    if (rc == 0) {
        json_t *members =
            json_pack("{s:s,s:s,s:s}", "job", mark->job, "id", mark->id, "reason", mark->reason);
        if (strcmp(mark->kind, "pin") == 0)
            (void)json_object_set_new(
                members, "until",
                mark->until.us != 0 ? json_string(clock_iso8601(mark->until, until)) : json_null());
        rc = log_append(r.repository->writer, &author.who, mark->kind, members, &head, e);
    }
    if (rc == 0) {
        m->heads = repo_heads(&r);
        carry(m->worker, m->stores, &r);
    }
    repo_close(&r);
    return rc;
}

static int mark_set(struct marking *m, const json_t *job, struct err *e)
{
    struct destination *d = &m->to;
    const char *until = json_opt_string(job, "until", NULL);
    struct mark mark = {0};
    struct marker marker;

    if (json_get_string(job, "job", &mark.job, e) < 0 ||
        json_get_string(job, "id", &mark.id, e) < 0 ||
        json_get_string(job, "kind", &mark.kind, e) < 0 ||
        json_get_string(job, "reason", &mark.reason, e) < 0 || check_kind(mark.kind, e) < 0)
        return -1;
    if (until != NULL && clock_parse_iso8601(until, &mark.until) < 0)
        return err_set(e, ERR_FORMAT, "\"until\" is not a time");
    if (destination_claim(d, &marker, e) < 0)
        return -1;
    return d->repository ? mark_in_log(m, &mark, e) : mark_plain(d, &mark, e);
}

/* The store to mark at: with "stores", replicas, the first, and the others follow. */
int verb_mark(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct marking m = {.worker = w, .stores = json_object_get(job, "stores")};
    json_t *store = json_array_get(m.stores, 0);

    int rc = (store == NULL && json_get_object(job, "store", &store, e) < 0) ||
                     destination_open(w, store, &m.to, e) < 0
                 ? -1
                 : mark_set(&m, job, e);
    if (rc == 0)
        *ret_result = json_pack("{s:o*}", "heads", TAKE(m.heads));
    json_decref(m.heads);
    destination_close(&m.to);
    return rc;
}
