#include "daemon/prune_replicas.h"

#include "daemon/catalog.h"
#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "daemon/set_json.h"

static bool holds(const struct destination *d, const char *repository)
{
    return d != NULL && repository != NULL && str_equal(d->repository, repository);
}

int64_t prune_newest(struct daemon *d, const struct destination *dest, const char *role)
{
    int64_t newest = 0;

    for (size_t i = 0; i < d->config->destination_count; i++) {
        const struct destination *other = d->config->destinations[i];
        int64_t seen = repositories_number(history_repositories(d->history), other->name, role);
        if (holds(other, dest->repository) && seen > newest)
            newest = seen;
    }
    return newest;
}

/* Of two replicas: were more records seen at the first? */
static bool is_ahead(struct daemon *d, const struct destination *x, const struct destination *y)
{
    const struct repositories *known = history_repositories(d->history);
    static const char *const roles[] = {"writer", "pruner"};

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        int64_t a = repositories_number(known, x->name, roles[i]);
        int64_t b = repositories_number(known, y->name, roles[i]);
        if (a != b)
            return a > b;
    }
    return false;
}

/* One that another installation has taken has a say: where it went on, we do not. */
static bool takes_part(struct daemon *d, const struct destination *dest)
{
    const struct catalog_destination *known = catalog_destination(d->catalog, dest->name);

    return known->listed || known->problem.code == ERR_FOREIGN;
}

static size_t gather(struct daemon *d, struct destination *first, bool all,
                     struct destination ***ret)
{
    const struct config *c = d->config;
    size_t count = 0;

    *ret = mem_alloc((c->destination_count + 1) * sizeof(struct destination *));
    (*ret)[count++] = first;
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i] != first && holds(c->destinations[i], first->repository) &&
            (all || takes_part(d, c->destinations[i])))
            (*ret)[count++] = c->destinations[i];
    return count;
}

size_t prune_replicas(struct daemon *d, struct destination *first, struct destination ***ret)
{
    return gather(d, first, false, ret);
}

size_t prune_all_replicas(struct daemon *d, struct destination *first, struct destination ***ret)
{
    return gather(d, first, true, ret);
}

struct destination *prune_leader(struct daemon *d, struct destination *dest)
{
    struct destination *best = dest;

    for (size_t i = 0; i < d->config->destination_count; i++) {
        struct destination *other = d->config->destinations[i];
        if (holds(other, dest->repository) &&
            catalog_destination(d->catalog, other->name)->listed && is_ahead(d, other, best))
            best = other;
    }
    return best;
}

bool prune_is_first(struct daemon *d, const struct job *job, const struct destination *dest)
{
    const struct destination *first = NULL;

    if (dest->format != FORMAT_REPOSITORY)
        return true;
    for (size_t i = 0; i < job->destination_count; i++) {
        const struct destination *other = job->destinations[i];
        if (holds(other, dest->repository) && other->deletes &&
            (other == dest || catalog_destination(d->catalog, other->name)->listed) &&
            (first == NULL || is_ahead(d, other, first)))
            first = other;
    }
    return first == dest;
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
