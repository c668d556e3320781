/* methods_mark.c — pin, unpin, accept: marks beside a set, written by a worker at every destination
 * that holds it, one after the other. Answered when all have it; the first failure is the answer,
 * and asking again is safe. */
#include <string.h>

#include "daemon/methods.h"
#include "daemon/prune.h"
#include "daemon/prune_replicas.h"
#include "daemon/record.h"
#include "daemon/set_json.h"

enum { TIMEOUT_S = 120 };

struct mark {
    struct request *request;
    struct daemon *daemon;
    char *job, *id, *reason;
    const char *kind, *record; /* static */
    struct wall until;
    struct strlist destinations;
    size_t index;
    char *at; /* where the record of a repository is made */
};

static void mark_free(struct mark *m)
{
    free(m->job);
    free(m->id);
    free(m->reason);
    free(m->at);
    strlist_deinit(&m->destinations);
    free(m);
}

static void apply_to_catalog(struct mark *m, const char *destination)
{
    struct catalog_job *known = catalog_job(m->daemon->catalog, m->job);
    struct set *s = catalog_find(known, destination, m->id);

    if (s == NULL)
        return;
    if (strcmp(m->kind, "accept") == 0) {
        s->accepted = true;
    } else {
        s->pinned = strcmp(m->kind, "pin") == 0;
        s->pin_until = m->until;
        free(s->pin_reason);
        s->pin_reason = s->pinned ? mem_strdup(m->reason) : NULL;
    }
    catalog_classify(m->daemon->catalog, known);
}

/* A mark in a repository is one record for all replicas. */
static void apply_everywhere(struct mark *m, const char *destination)
{
    struct destination *dest = config_destination(m->daemon->config, destination);
    _cleanup_free_ struct destination **all = NULL;
    const size_t count = dest != NULL ? prune_replicas(m->daemon, dest, &all) : 0;

    apply_to_catalog(m, destination);
    for (size_t i = 1; i < count; i++)
        apply_to_catalog(m, all[i]->name);
}

/* Is the set's repository among those that are marked already? */
static bool is_covered(const struct mark *m, const char *destination)
{
    const struct config *c = m->daemon->config;
    const struct destination *dest = config_destination(c, destination);

    for (size_t i = 0; i < m->destinations.count && dest != NULL && dest->repository != NULL; i++) {
        const struct destination *other = config_destination(c, m->destinations.items[i]);
        if (other != NULL && str_equal(other->repository, dest->repository))
            return true;
    }
    return false;
}

static void mark_next(struct mark *m);

static void on_marked(void *arg, const json_t *result, const struct err *e)
{
    struct mark *m = arg;
    struct err why = *e;

    if (result == NULL) {
        (void)err_wrap(&why, "destination \"%s\"", m->destinations.items[m->index]);
        request_fail(m->request, &why);
        mark_free(m);
        return;
    }
    daemon_know_heads(m->daemon, m->at, json_object_get(result, "heads"));
    apply_everywhere(m, m->destinations.items[m->index++]);
    mark_next(m);
}

static void mark_next(struct mark *m)
{
    struct daemon *d = m->daemon;
    struct destination *dest = NULL;

    while (m->index < m->destinations.count &&
           (dest = config_destination(d->config, m->destinations.items[m->index])) == NULL)
        m->index++; /* it left the configuration meanwhile */
    if (dest == NULL || m->index >= m->destinations.count) {
        method_reply_after(m->request,
                           json_pack("{s:s,s:s,s:s,s:o}", "type", m->record, "job", m->job, "id",
                                     m->id, "until", time_to_json(m->until)),
                           json_object());
        mark_free(m);
        return;
    }
    _cleanup_free_ struct destination **all = NULL;
    dest = prune_leader(d, dest);
    free(m->at);
    m->at = mem_strdup(dest->name);
    const size_t count = prune_replicas(d, dest, &all);
    (void)operation_start(
        d, (struct operation_spec){
               .config = d->config,
               .destinations = all,
               .destination_count = count,
               .stores = dest->format == FORMAT_REPOSITORY ? OPERATION_STORES : OPERATION_STORE,
               .job = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "verb", "mark", "job", m->job, "id",
                                m->id, "kind", m->kind, "reason", m->reason, "until",
                                time_to_json(m->until)),
               .worker = {.run_timeout_s = TIMEOUT_S},
               .callbacks = {.done = on_marked, .arg = m}});
}

/* To say that it is pinned would be a lie. */
static bool is_going(const struct daemon *d, const char *job, const char *id)
{
    for (size_t i = 0; i < d->config->destination_count; i++)
        if (prune_is_removing(d->prunes, job, d->config->destinations[i]->name, id))
            return true;
    return false;
}

static void begin_mark(struct request *r, const char *kind, const char *record)
{
    struct daemon *d = request_daemon(r);
    const struct job *job;
    const struct set *s = method_set(r, &job);
    struct wall until;
    struct err e = {0};

    if (s == NULL || method_until(r, &until) < 0)
        return;
    if (strcmp(kind, "pin") == 0 && is_going(d, job->name, s->id)) {
        (void)err_set(&e, ERR_REFUSED, "retention is removing %s/%s just now", job->name, s->id);
        request_fail(r, &e);
        return;
    }
    struct mark *m = mem_alloc(sizeof(*m));
    *m = (struct mark){.request = r,
                       .daemon = d,
                       .job = mem_strdup(job->name),
                       .id = mem_strdup(s->id),
                       .reason = mem_strdup(json_opt_string(request_params(r), "reason", "")),
                       .kind = kind,
                       .record = record,
                       .until = until};
    const struct catalog_job *known = catalog_job(d->catalog, job->name);
    for (size_t i = 0; i < known->sets.count; i++)
        if (strcmp(known->sets.items[i].id, m->id) == 0 &&
            !is_covered(m, known->sets.items[i].destination))
            strlist_add(&m->destinations, known->sets.items[i].destination);
    mark_next(m);
}

void method_pin(struct request *r)
{
    begin_mark(r, "pin", RECORD_PINNED);
}

void method_unpin(struct request *r)
{
    begin_mark(r, "unpin", RECORD_UNPINNED);
}

void method_accept(struct request *r)
{
    begin_mark(r, "accept", RECORD_ACCEPTED);
}
