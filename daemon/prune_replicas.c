#include "daemon/prune_replicas.h"

#include "daemon/catalog.h"
#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "daemon/set_json.h"

static bool holds(const struct destination *d, const char *repository)
{
    return d != NULL && repository != NULL && str_equal(d->repository, repository);
}

size_t prune_replicas(struct daemon *d, struct destination *first, struct destination ***ret)
{
    const struct config *c = d->config;
    size_t count = 0;

    *ret = mem_alloc((c->destination_count + 1) * sizeof(struct destination *));
    (*ret)[count++] = first;
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i] != first && holds(c->destinations[i], first->repository) &&
            catalog_destination(d->catalog, c->destinations[i]->name)->listed)
            (*ret)[count++] = c->destinations[i];
    return count;
}

bool prune_is_first(struct daemon *d, const struct job *job, const struct destination *dest)
{
    if (dest->format != FORMAT_REPOSITORY)
        return true;
    for (size_t i = 0; i < job->destination_count; i++) {
        const struct destination *other = job->destinations[i];
        if (holds(other, dest->repository) && other->deletes &&
            (other == dest || catalog_destination(d->catalog, other->name)->listed))
            return other == dest;
    }
    return false;
}

static bool feeds(const struct run *r, const char *repository)
{
    for (size_t i = 0; i < r->destination_count; i++)
        if (holds(r->destinations[i].destination, repository))
            return r->kind != RUN_VERIFY;
    return false;
}

/* Whoever began before something was put on trash may count on it. Of copies only that they go on is
 * known: they began after we did. */
static struct wall oldest_run(const struct daemon *d, const char *repository)
{
    struct wall oldest = copies_idle(d->copies) ? (struct wall){0} : d->started;

    for (size_t i = 0; i < d->run_count; i++)
        if (feeds(d->runs[i], repository) && (oldest.us == 0 || d->runs[i]->started.us < oldest.us))
            oldest = d->runs[i]->started;
    return oldest;
}

/* Sets that a restore, a verification or a copy reads right now. */
static json_t *reading(struct daemon *d, const char *repository)
{
    json_t *names = json_array();
    struct catalog_job *job;

    for (size_t i = 0; (job = catalog_job_at(d->catalog, i)) != NULL; i++) {
        daemon_mark_in_use(d, job->name);
        for (size_t k = 0; k < job->sets.count; k++) {
            const struct set *s = &job->sets.items[k];
            if (!s->in_use || !holds(config_destination(d->config, s->destination), repository))
                continue;
            _cleanup_free_ char *name = mem_printf("%s/%s", job->name, s->id);
            (void)json_array_append_new(names, json_string(name));
        }
    }
    return names;
}

void prune_add_guards(struct daemon *d, const struct destination *dest, json_t *job)
{
    (void)json_object_set_new(job, "reading", reading(d, dest->repository));
    (void)json_object_set_new(job, "oldest_run", time_to_json(oldest_run(d, dest->repository)));
    (void)json_object_set_new(job, "clock_in_doubt", json_boolean(clock_watch_in_doubt(&d->clock)));
}
