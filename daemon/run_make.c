/* run_make.c — a run made, begun and freed: what it is for, taken from its run-queued record. */
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/record.h"
#include "daemon/run.h"
#include "daemon/set_json.h"
#include "lib/base/io.h"

static bool is_asked_for(const json_t *request, const char *key, const char *name)
{
    json_t *list = json_object_get(request, key), *item;
    size_t i;

    if (json_array_size(list) == 0)
        return true;
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static bool names_destinations(const struct run *r)
{
    return json_array_size(json_object_get(r->request, "destinations")) > 0;
}

bool run_stays(const struct run *r)
{
    return r->kind == RUN_BACKUP &&
           (names_destinations(r) || json_opt_bool(r->request, "local_only", false));
}

static bool any_is_live(const struct job *job)
{
    for (size_t i = 0; i < job->destination_count; i++)
        if (destination_is_fed_live(job->destinations[i]))
            return true;
    return false;
}

/* Is this place fed by the run's own read? The others get a copy of the set afterwards. */
static bool is_fed(const struct run *r, const struct destination *dest)
{
    if (r->kind == RUN_VERIFY || names_destinations(r))
        return is_asked_for(r->request, "destinations", dest->name);
    if (json_opt_bool(r->request, "local_only", false))
        return !destination_is_remote(dest) && destination_is_fed_live(dest);
    return destination_is_fed_live(dest) || !any_is_live(r->job);
}

bool run_feed_all(struct run *r)
{
    const size_t before = r->destination_count;

    if (r->kind == RUN_VERIFY || run_stays(r) || before == r->job->destination_count)
        return false;
    for (size_t i = 0; i < r->job->destination_count; i++)
        if (!is_fed(r, r->job->destinations[i]))
            r->destinations[r->destination_count++].destination = r->job->destinations[i];
    return r->destination_count > before;
}

static void choose_parts(struct run *r)
{
    r->sources = mem_alloc(r->job->source_count * sizeof(*r->sources));
    for (size_t i = 0; i < r->job->source_count; i++)
        if (is_asked_for(r->request, "sources", r->job->sources[i]->name))
            r->sources[r->source_count++] =
                (struct run_source){.source = r->job->sources[i], .artifacts = json_object()};
    r->destinations = mem_alloc(r->job->destination_count * sizeof(*r->destinations));
    for (size_t i = 0; i < r->job->destination_count; i++)
        if (is_fed(r, r->job->destinations[i]))
            r->destinations[r->destination_count++].destination = r->job->destinations[i];
}

static void make_rid(char out[37])
{
    uint8_t b[16] = {0};
    char hex[33];

    (void)io_random(b, sizeof(b)); /* zeros would only make pings harder to tell apart */
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof(b), hex);
    (void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

static struct run *new_run(struct daemon *d, int64_t number, const char *job, enum run_kind kind)
{
    struct run *r = mem_alloc(sizeof(*r));

    r->daemon = d;
    r->config = config_ref(d->config);
    r->job = config_job(d->config, job);
    r->number = number;
    r->kind = kind;
    r->started = clock_wall();
    r->began = clock_mono();
    make_rid(r->rid);
    return r;
}

struct run *run_new(struct daemon *d, const struct action *a)
{
    struct run *r = new_run(d, a->run, a->job, a->run_kind);

    r->tiers = a->tiers;
    r->fragment = a->fragment;
    r->pending = true;
    return r;
}

void run_begin(struct run *r)
{
    const struct log_fields fields = {.job = r->job->name, .run = r->number};

    r->request =
        json_incref((json_t *)history_run_record(r->daemon->history, r->number, RECORD_RUN_QUEUED));
    choose_parts(r);
    log_write(r->daemon->log, LOG_LEVEL_INFO, LOG_RUN_STARTED, &fields,
              "job \"%s\": %s begins (%s)", r->job->name, record_kind_word(r->kind),
              json_opt_string(r->request, "why", ""));
    if (r->kind == RUN_BACKUP)
        report_begun(r->daemon, r);
    r->pending = false;
    run_tick(r);
}

struct run *run_new_interrupted(struct daemon *d, int64_t number)
{
    const json_t *queued = history_run_record(d->history, number, RECORD_RUN_QUEUED);
    const json_t *started = history_run_record(d->history, number, RECORD_RUN_STARTED);
    const json_t *set = history_run_record(d->history, number, RECORD_SET_BEGUN);
    const char *job = json_opt_string(queued, "job", "");

    if (config_job(d->config, job) == NULL)
        return NULL;
    struct run *r =
        new_run(d, number, job, record_kind_from_word(json_opt_string(queued, "kind", "")));
    r->interrupted = true;
    r->request = json_incref((json_t *)queued);
    r->tiers = tiers_from_json(json_object_get(started, "tiers"));
    r->fragment = json_opt_bool(started, "fragment", false);
    r->started = time_from_json(started, "time");
    (void)snprintf(r->id, sizeof(r->id), "%s", json_opt_string(set, "id", ""));
    r->sequence = json_opt_i64(set, "sequence", 0);
    choose_parts(r);
    return r;
}

void run_free(struct run *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->source_count; i++) {
        strlist_deinit(&r->sources[i].problems);
        json_decref(r->sources[i].artifacts);
        json_decref(r->sources[i].tracking);
    }
    for (size_t i = 0; i < r->check_count; i++) {
        free(r->checks[i].destination);
        free(r->checks[i].id);
    }
    free(r->destinations);
    free(r->sources);
    free(r->checks);
    strlist_deinit(&r->problems);
    strlist_deinit(&r->warned);
    json_decref(r->request);
    config_unref(r->config);
    free(r);
}
