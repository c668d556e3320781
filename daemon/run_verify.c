/* run_verify.c — a verification run: every byte of the sets asked for is read back by a worker, one
 * set after the other, and what was found is journalled for each. */
#include <string.h>

#include "daemon/catalog.h"
#include "daemon/daemon.h"
#include "daemon/prune.h"
#include "daemon/record.h"
#include "daemon/rolling.h"
#include "daemon/run.h"
#include "daemon/scan.h"

static bool takes_part(const struct run *r, const char *destination)
{
    for (size_t i = 0; i < r->destination_count; i++)
        if (!r->destinations[i].out &&
            strcmp(r->destinations[i].destination->name, destination) == 0)
            return true;
    return false;
}

/* What the sets of a repository share is read once for all of them. */
static bool has_whole(const struct run *r, const char *destination)
{
    for (size_t i = 0; i < r->check_count; i++)
        if (r->checks[i].whole && strcmp(r->checks[i].destination, destination) == 0)
            return true;
    return false;
}

void run_plan_checks(struct run *r)
{
    const struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);
    const char *id = json_opt_string(r->request, "id", NULL);

    if (rolling_is_portion(r)) {
        rolling_plan(r);
        return;
    }
    r->checks = mem_alloc(known->sets.count * sizeof(*r->checks));
    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        if (!takes_part(r, s->destination) || (id != NULL && strcmp(id, s->id) != 0))
            continue;
        const bool whole = id == NULL && s->shares;
        if (!whole || !has_whole(r, s->destination))
            r->checks[r->check_count++] = (struct run_check){
                .destination = mem_strdup(s->destination), .id = mem_strdup(s->id), .whole = whole};
    }
}

static void on_check_over(void *arg)
{
    struct run *r = arg;

    r->pending = false;
    run_tick(r);
}

static void note_damage(struct run *r, const struct run_check *c, const char *error)
{
    const struct log_fields fields = {
        .job = r->job->name, .destination = c->destination, .id = c->id, .run = r->number};
    struct err why = {0};

    log_write(r->daemon->log, LOG_LEVEL_ERROR, LOG_VERIFY_FAILED, &fields,
              "job \"%s\": verification of %s at \"%s\": %s", r->job->name, c->id, c->destination,
              error);
    (void)err_set(&why, ERR_DAMAGED, "%s at \"%s\": %s", c->id, c->destination, error);
    run_fail(r, &why);
    strlist_add(&r->problems, why.text);
}

/* By the clock always every byte; who asks for it says so. Of a plain set nothing less is looked at. */
static bool reads_every_byte(const struct run *r, const struct run_check *c)
{
    const struct destination *d = config_destination(r->config, c->destination);

    return d == NULL || d->format != FORMAT_REPOSITORY || c->part ||
           json_opt_bool(r->request, "data", json_object_get(r->request, "uid") == NULL);
}

/* A part of a set, or of what sets share, proves none of them. */
static bool proves_sets(const struct run *r, const struct run_check *c)
{
    return !c->part && reads_every_byte(r, c);
}

static json_t *verdict(const struct run *r, const char *destination, const char *id,
                       const char *error)
{
    return json_pack("{s:s,s:I,s:s,s:s,s:s,s:b,s:o}", "type", RECORD_VERIFIED, "run",
                     (json_int_t)r->number, "job", r->job->name, "destination", destination, "id",
                     id, "ok", error == NULL, "error",
                     error != NULL ? json_printable(error) : json_null());
}

static void post_verdict(struct run *r, const struct run_check *c, const char *error)
{
    r->pending = true;
    daemon_post(r->daemon, verdict(r, c->destination, c->id, error), on_check_over, r);
}

static const char *damage_of(const struct run *r, const json_t *damaged, const char *id)
{
    const json_t *o;
    size_t i;

    json_array_foreach(damaged, i, o)
    {
        if (str_equal(json_opt_string(o, "job", ""), r->job->name) &&
            str_equal(json_opt_string(o, "id", ""), id))
            return json_opt_string(o, "error", "it is damaged");
    }
    return NULL;
}

/* What other jobs have in the same repository. */
static void post_others(struct run *r, const struct run_check *c, const json_t *damaged)
{
    const json_t *o;
    size_t i;

    json_array_foreach(damaged, i, o)
    {
        const char *job = json_opt_string(o, "job", ""), *id = json_opt_string(o, "id", "");
        if (strcmp(job, r->job->name) == 0 || config_job(r->daemon->config, job) == NULL ||
            catalog_find(catalog_job(r->daemon->catalog, job), c->destination, id) == NULL)
            continue;
        json_t *record = verdict(r, c->destination, id, json_opt_string(o, "error", ""));
        (void)json_object_set_new(record, "job", json_string(job));
        daemon_post(r->daemon, record, NULL, NULL);
    }
}

/* A verdict for each set that was there: one that came meanwhile was not looked at. */
static void post_verdicts(struct run *r, const struct run_check *c, const json_t *damaged)
{
    const struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);
    const json_t *place = json_array_get(damaged, json_array_size(damaged) - 1);
    bool touched = false;

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        const struct run_check one = {.destination = c->destination, .id = s->id};
        const char *error = damage_of(r, damaged, s->id);
        if (!str_equal(s->destination, c->destination) || s->started.us > r->started.us)
            continue;
        if (error != NULL)
            note_damage(r, &one, error);
        touched = touched || error != NULL;
        if (strcmp(s->id, c->id) != 0 && (error != NULL || proves_sets(r, c)))
            daemon_post(r->daemon, verdict(r, c->destination, s->id, error), NULL, NULL);
    }
    post_others(r, c, damaged);
    if (!touched && json_array_size(damaged) > 0)
        note_damage(r, c, json_opt_string(place, "error", "it is damaged"));
    if (reads_every_byte(r, c))
        rolling_note_read(r, c);
    if (damage_of(r, damaged, c->id) != NULL || proves_sets(r, c))
        post_verdict(r, c, damage_of(r, damaged, c->id));
    else
        run_tick(r);
}

/* Removed meanwhile, by retention: nobody's problem. One that has gone without us is. */
static bool was_removed(const struct run *r, const struct run_check *c)
{
    struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);

    return catalog_find(known, c->destination, c->id) == NULL ||
           prune_is_removing(r->daemon->prunes, r->job->name, c->destination, c->id);
}

static void drop_check(struct run *r, size_t index)
{
    struct run_check *c = &r->checks[index];

    free(c->destination);
    free(c->id);
    memmove(c, c + 1, (r->check_count - index - 1) * sizeof(*c));
    r->check_count--;
}

/* Damage is a verdict about the set; any other failure is only one of the attempt. */
static void on_checked(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;
    const struct run_check *c = &r->checks[r->index++];
    json_t *damaged = json_object_get(result, "damaged");
    const char *error = NULL;

    r->operation = NULL;
    r->pending = false;
    r->verified_bytes += (uint64_t)json_opt_i64(result, "bytes", 0);
    if (c->whole && result != NULL) {
        post_verdicts(r, c, damaged);
        return;
    }
    if (json_array_size(damaged) > 0)
        error = json_opt_string(json_array_get(damaged, 0), "error", "it is damaged");
    else if (result == NULL && e->code == ERR_DAMAGED)
        error = e->text;
    if (error != NULL)
        note_damage(r, c, error);
    if (error != NULL || (result != NULL && proves_sets(r, c))) {
        post_verdict(r, c, error);
        return;
    }
    if (result != NULL) { /* all is there, which is not to say that it is what was written */
        if (c->part)
            rolling_note_read(r, c);
        run_tick(r);
        return;
    }
    if (e->code == ERR_NOT_FOUND && was_removed(r, c)) {
        drop_check(r, --r->index);
    } else if (e->code != ERR_CANCELLED) {
        struct err why = *e;
        (void)err_wrap(&why, "verification of %s at \"%s\"", c->id, c->destination);
        run_fail(r, &why);
        if (e->code == ERR_NOT_FOUND) /* what else has gone? */
            scan_start(r->daemon, c->destination, NULL, NULL);
    }
    run_tick(r);
}

void run_skip_removed(struct run *r)
{
    while (r->index < r->check_count && was_removed(r, &r->checks[r->index]))
        drop_check(r, r->index);
}

void run_start_check(struct run *r)
{
    const struct run_check *c = &r->checks[r->index];
    ssize_t at = 0;

    while (strcmp(r->destinations[at].destination->name, c->destination) != 0)
        at++;
    (void)snprintf(r->id, sizeof(r->id), "%s", c->id); /* in use: not to be deleted meanwhile */
    json_t *job =
        c->whole ? json_pack("{s:s,s:b}", "verb", "verify", "all", true)
                 : json_pack("{s:s,s:s,s:s}", "verb", "verify", "job", r->job->name, "id", c->id);
    (void)json_object_set_new(job, "data", json_boolean(reads_every_byte(r, c)));
    if (c->part)
        (void)json_object_update_new(
            job, json_pack("{s:I,s:I}", "from", (json_int_t)c->from, "to", (json_int_t)c->to));
    run_start_operation(r, job, at, false, false, false, on_checked);
}
