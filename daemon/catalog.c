#include "daemon/catalog.h"

#include <string.h>

#include "daemon/set_json.h"

enum { DROP_PERCENT_DEFAULT = 50, JOBS_MAX = 10000 };

struct removal { /* a set that a scan in progress may still report */
    char *job, *destination, *id;
    uint64_t generation;
};

struct catalog {
    const struct config *config;
    struct catalog_destination **destinations;
    size_t destination_count;
    struct catalog_job **jobs;
    size_t job_count;
    json_t *verified; /* "JOB/DESTINATION/ID" -> [time in us, damaged, read parts] */
    struct removal *removed;
    size_t removed_count;
    uint64_t generation; /* counts additions and removals */
};

struct catalog *catalog_new(void)
{
    struct catalog *c = mem_alloc(sizeof(*c));

    c->verified = json_object();
    return c;
}

static void removal_deinit(struct removal *r)
{
    free(r->job);
    free(r->destination);
    free(r->id);
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->destination_count; i++) {
        json_decref(c->destinations[i]->damaged);
        free(c->destinations[i]->name);
        free(c->destinations[i]);
    }
    for (size_t i = 0; i < c->job_count; i++) {
        sets_deinit(&c->jobs[i]->sets);
        free(c->jobs[i]->added);
        free(c->jobs[i]->name);
        free(c->jobs[i]);
    }
    for (size_t i = 0; i < c->removed_count; i++)
        removal_deinit(&c->removed[i]);
    free(c->destinations);
    free(c->jobs);
    json_decref(c->verified);
    free(c->removed);
    free(c);
}

struct catalog_destination *catalog_destination(struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->destination_count; i++)
        if (strcmp(c->destinations[i]->name, name) == 0)
            return c->destinations[i];
    struct catalog_destination *d = mem_alloc(sizeof(*d));
    d->name = mem_strdup(name);
    c->destinations =
        mem_resize_array(c->destinations, c->destination_count + 1, sizeof(*c->destinations));
    return c->destinations[c->destination_count++] = d;
}

const char *catalog_known_id(struct catalog *c, const char *destination)
{
    const struct catalog_destination *d = catalog_destination(c, destination);

    return d->marker_id[0] != '\0' ? d->marker_id : NULL;
}

void catalog_set_marker(struct catalog *c, const char *destination, const char *marker_id)
{
    struct catalog_destination *d = catalog_destination(c, destination);

    (void)snprintf(d->marker_id, sizeof(d->marker_id), "%s", marker_id);
}

struct catalog_job *catalog_job(struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->job_count; i++)
        if (strcmp(c->jobs[i]->name, name) == 0)
            return c->jobs[i];
    struct catalog_job *job = mem_alloc(sizeof(*job));
    job->name = mem_strdup(name);
    c->jobs = mem_resize_array(c->jobs, c->job_count + 1, sizeof(*c->jobs));
    return c->jobs[c->job_count++] = job;
}

struct catalog_job *catalog_job_at(struct catalog *c, size_t index)
{
    return index < c->job_count ? c->jobs[index] : NULL;
}

uint64_t catalog_generation(const struct catalog *c)
{
    return c->generation;
}

void catalog_classify(struct catalog *c, struct catalog_job *job)
{
    const struct job *rules = c->config != NULL ? config_job(c->config, job->name) : NULL;

    sets_classify(&job->sets, rules != NULL ? rules->size_drop_percent : DROP_PERCENT_DEFAULT);
}

void catalog_set_config(struct catalog *c, const struct config *config)
{
    c->config = config;
    for (size_t i = 0; i < c->job_count; i++)
        catalog_classify(c, c->jobs[i]);
}

struct set *catalog_find(struct catalog_job *job, const char *destination, const char *id)
{
    for (size_t i = 0; i < job->sets.count; i++) {
        struct set *s = &job->sets.items[i];
        if (strcmp(s->id, id) == 0 &&
            (destination == NULL || strcmp(s->destination, destination) == 0))
            return s;
    }
    return NULL;
}

/* --- verification --- */

static char *verified_key(const char *job, const char *destination, const char *id)
{
    return mem_printf("%s/%s/%s", job, destination, id); /* names have no slash */
}

static void apply_verified(const struct catalog *c, const char *job, struct set *s)
{
    _cleanup_free_ char *key = verified_key(job, s->destination, s->id);
    const json_t *v = json_object_get(c->verified, key);

    if (v == NULL)
        return;
    s->damaged = json_is_true(json_array_get(v, 1));
    if (!s->damaged)
        s->verified.us = json_integer_value(json_array_get(v, 0));
}

void catalog_note_verified(struct catalog *c, const char *job, const char *destination,
                           const char *id, struct wall time, bool damaged)
{
    _cleanup_free_ char *key = verified_key(job, destination, id);
    struct catalog_job *known = catalog_job(c, job);
    struct set *s = catalog_find(known, destination, id);

    (void)json_object_set_new(c->verified, key, json_pack("[I,b]", (json_int_t)time.us, damaged));
    if (s != NULL) {
        apply_verified(c, job, s);
        catalog_classify(c, known);
    }
}

/* A set was read back when it was made. */
static struct wall read_whole_at(const struct set *s)
{
    return s->verified.us > s->finished.us ? s->verified : s->finished;
}

void catalog_note_read(struct catalog *c, const json_t *record)
{
    const char *job = json_opt_string(record, "job", ""), *id = json_opt_string(record, "id", "");
    const char *destination = json_opt_string(record, "destination", "");
    const struct wall since = time_from_json(record, "since");
    _cleanup_free_ char *key = verified_key(job, destination, id);
    const json_t *known = json_object_get(c->verified, key);
    struct set *s = catalog_find(catalog_job(c, job), destination, id);

    json_t *parts =
        read_parts_note(json_array_get(known, 2), since, (uint64_t)json_opt_i64(record, "from", 0),
                        (uint64_t)json_opt_i64(record, "to", 0), time_from_json(record, "time"));
    const struct wall oldest = read_parts_oldest(parts, since);
    const int64_t before = json_integer_value(json_array_get(known, 0));
    const bool all = oldest.us > since.us && oldest.us > before;
    (void)json_object_set_new(c->verified, key,
                              json_pack("[I,b,o]", (json_int_t)(all ? oldest.us : before),
                                        json_is_true(json_array_get(known, 1)), parts));
    if (s != NULL)
        apply_verified(c, job, s);
}

size_t catalog_read_parts(const struct catalog *c, const char *job, const struct set *s,
                          struct read_part **ret)
{
    _cleanup_free_ char *key = verified_key(job, s->destination, s->id);
    const struct wall whole = read_whole_at(s);
    size_t count = read_parts(json_array_get(json_object_get(c->verified, key), 2), whole, ret);

    for (size_t i = 0; i < count; i++)
        if ((*ret)[i].read.us < whole.us)
            (*ret)[i].read = whole;
    return count;
}

json_t *catalog_verified_to_json(const struct catalog *c)
{
    return json_deep_copy(c->verified);
}

void catalog_verified_from_json(struct catalog *c, const json_t *o)
{
    if (json_is_object(o))
        (void)json_object_update(c->verified, (json_t *)o);
}

/* --- sets --- */

static void append(struct catalog *c, struct catalog_job *job, struct set *s, uint64_t generation)
{
    apply_verified(c, job->name, s);
    if (s->sequence > job->last_sequence)
        job->last_sequence = s->sequence;
    job->sets.items =
        mem_resize_array(job->sets.items, job->sets.count + 1, sizeof(*job->sets.items));
    job->added = mem_resize_array(job->added, job->sets.count + 1, sizeof(*job->added));
    job->added[job->sets.count] = generation;
    job->sets.items[job->sets.count++] = *s;
    *s = (struct set){0};
}

static void drop(struct catalog_job *job, size_t i)
{
    set_deinit(&job->sets.items[i]);
    job->sets.count--;
    job->sets.items[i] = job->sets.items[job->sets.count];
    job->added[i] = job->added[job->sets.count];
}

void catalog_add(struct catalog *c, const char *name, struct set *s)
{
    struct catalog_job *job = catalog_job(c, name);
    struct set *old = catalog_find(job, s->destination, s->id);

    if (old != NULL)
        drop(job, (size_t)(old - job->sets.items));
    append(c, job, s, ++c->generation);
    catalog_classify(c, job);
}

void catalog_remove(struct catalog *c, const char *name, const char *destination, const char *id)
{
    struct catalog_job *job = catalog_job(c, name);
    struct set *s = catalog_find(job, destination, id);

    c->removed = mem_resize_array(c->removed, c->removed_count + 1, sizeof(*c->removed));
    c->removed[c->removed_count++] = (struct removal){.job = mem_strdup(name),
                                                      .destination = mem_strdup(destination),
                                                      .id = mem_strdup(id),
                                                      .generation = ++c->generation};
    _cleanup_free_ char *key = verified_key(name, destination, id);
    (void)json_object_del(c->verified, key);
    if (s == NULL)
        return;
    drop(job, (size_t)(s - job->sets.items));
    catalog_classify(c, job);
}

static bool removed_since(const struct catalog *c, uint64_t generation, const char *job,
                          const char *destination, const char *id)
{
    for (size_t i = 0; i < c->removed_count; i++) {
        const struct removal *r = &c->removed[i];
        if (r->generation > generation && strcmp(r->id, id) == 0 && strcmp(r->job, job) == 0 &&
            strcmp(r->destination, destination) == 0)
            return true;
    }
    return false;
}

static void forget_removals(struct catalog *c, const char *destination, uint64_t generation)
{
    for (size_t i = c->removed_count; i-- > 0;)
        if (c->removed[i].generation <= generation &&
            strcmp(c->removed[i].destination, destination) == 0) {
            removal_deinit(&c->removed[i]);
            c->removed[i] = c->removed[--c->removed_count];
        }
}

static void drop_unlisted(struct catalog *c, const char *destination, uint64_t generation)
{
    for (size_t j = 0; j < c->job_count; j++)
        for (size_t i = c->jobs[j]->sets.count; i-- > 0;)
            if (strcmp(c->jobs[j]->sets.items[i].destination, destination) == 0 &&
                c->jobs[j]->added[i] <= generation)
                drop(c->jobs[j], i);
}

static bool committed_since(const struct catalog_job *job, uint64_t generation,
                            const char *destination, const char *id)
{
    for (size_t i = 0; i < job->sets.count; i++)
        if (job->added[i] > generation && strcmp(job->sets.items[i].id, id) == 0 &&
            strcmp(job->sets.items[i].destination, destination) == 0)
            return true;
    return false;
}

/* All sets of one job in a scan's result; the whole result is refused if one is malformed. */
static int take_job(struct catalog *c, const char *destination, uint64_t generation,
                    const char *name, const json_t *array, struct err *e)
{
    struct catalog_job *job = catalog_job(c, name);
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        struct set s = {0};
        if (set_from_json(item, destination, &s, e) < 0)
            return -1;
        if (removed_since(c, generation, name, destination, s.id) ||
            committed_since(job, generation, destination, s.id))
            set_deinit(&s);
        else
            append(c, job, &s, 0);
    }
    catalog_classify(c, job);
    return 0;
}

static int check_scan(const json_t *result, const json_t **ret_sets, struct err *e)
{
    json_t *sets, *array;
    const char *name;

    if (json_get_object(result, "sets", &sets, e) < 0)
        return -1;
    if (json_object_size(sets) > JOBS_MAX)
        return err_set(e, ERR_LIMIT, "it holds sets of more than %d jobs", JOBS_MAX);
    json_object_foreach(
        sets, name,
        array) if (!str_is_name(name) ||
                   !json_is_array(
                       array)) return err_set(e, ERR_FORMAT,
                                              "the worker reported a job with a wrong name");
    *ret_sets = sets;
    return 0;
}

int catalog_take_scan(struct catalog *c, const char *name, uint64_t generation,
                      const json_t *result, struct err *e)
{
    struct catalog_destination *d = catalog_destination(c, name);
    const json_t *sets;
    json_t *array;
    const char *job;
    int count = 0;

    if (check_scan(result, &sets, e) < 0)
        return -1;
    drop_unlisted(c, name, generation);
    json_object_foreach((json_t *)sets, job, array)
    {
        if (take_job(c, name, generation, job, array, e) < 0)
            return -1;
        count += (int)json_array_size(array);
    }
    for (size_t j = 0; j < c->job_count; j++)
        catalog_classify(c, c->jobs[j]);
    forget_removals(c, name, generation);
    d->free_bytes = json_opt_i64(result, "free_bytes", 0);
    d->total_bytes = json_opt_i64(result, "total_bytes", 0);
    d->write_only = !json_opt_bool(result, "may_read", true);
    d->key_alone =
        json_object_get(result, "heads") != NULL && !json_opt_bool(result, "recovery_slot", false);
    d->listed = d->known = d->tried = true;
    json_decref(d->damaged);
    d->damaged = json_incref(json_object_get(result, "damaged"));
    d->problem = (struct err){0};
    d->failures = 0;
    d->scanned = clock_mono();
    return count;
}

void catalog_scan_failed(struct catalog *c, const char *name, const struct err *e)
{
    struct catalog_destination *d = catalog_destination(c, name);

    d->tried = true;
    d->listed = false; /* no retention there until it is listed again */
    d->scanned = clock_mono();
    d->failures++;
    d->problem = *e;
}
