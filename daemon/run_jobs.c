/* run_jobs.c — what a run sends to its workers: the jobs of worker_msg.h. */
#include <unistd.h>

#include "daemon/catalog.h"
#include "daemon/daemon.h"
#include "daemon/run.h"
#include "daemon/set_json.h"
#include "lib/protocol/job.h"

enum { THREADS_MAX = 4 };

static const char *const verbs[] = {
    [SOURCE_POSTGRESQL] = "dump", [SOURCE_FILES] = "archive", [SOURCE_COMMAND] = "command"};
static const char *const types[] = {
    [SOURCE_POSTGRESQL] = "postgresql", [SOURCE_FILES] = "files", [SOURCE_COMMAND] = "command"};

static int threads_of(const struct job *job)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    if (job->threads > 0)
        return job->threads;
    return online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX : (int)online;
}

/* Does a good set hold anything of this source? Then a tree that is suddenly empty is a failure. */
static bool had_files(const struct run *r, const char *source)
{
    const struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        for (size_t k = 0; k < s->source_count && s->state == SET_GOOD; k++)
            if (str_equal(s->sources[k].name, source) && s->sources[k].raw_bytes > 0)
                return true;
    }
    return false;
}

/* Where each repository's worker remembers what the source was like. A copy before a restore tells
 * nothing of it. */
static json_t *tracking_of(const struct run *r, const struct run_source *s)
{
    const struct repositories *known = history_repositories(r->daemon->history);
    json_t *all = json_object();

    for (size_t i = 0; i < r->destination_count && r->kind == RUN_BACKUP; i++) {
        const char *repository = r->destinations[i].destination->repository;
        if (repository == NULL)
            continue;
        _cleanup_free_ char *dir = mem_printf("%s/tracking/%s/%s/%s", r->config->state_dir,
                                              repository, r->job->name, s->source->name);
        (void)json_object_set_new(all, repository,
                                  json_pack("{s:o,s:I}", "dir", json_printable(dir), "number",
                                            (json_int_t)repositories_tracked(
                                                known, r->job->name, repository, s->source->name)));
    }
    return all;
}

json_t *run_source_job(const struct run *r, const struct run_source *s)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:i,s:o}", "verb", verbs[s->source->type], "job",
                     r->job->name, "id", r->id, "source",
                     job_source(s->source, had_files(r, s->source->name)), "threads",
                     threads_of(r->job), "tracking", tracking_of(r, s));
}

static json_t *commit_sources(const struct run *r)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->source_count; i++) {
        const struct run_source *s = &r->sources[i];
        (void)json_array_append_new(
            array, json_pack("{s:s,s:s,s:b,s:o,s:O}", "name", s->source->name, "type",
                             types[s->source->type], "whole", s->whole, "problems",
                             json_from_strings(&s->problems), "artifacts", s->artifacts));
    }
    return array;
}

/* Why the set was made, for its manifest: what the operator said, else what made it due. */
static const char *reason_of(const struct run *r)
{
    const char *why = json_opt_string(r->request, "why", "");

    return json_opt_string(r->request, "reason", why);
}

static json_t *tiers_of_set(const struct run *r)
{
    if (r->kind == RUN_PRE_RESTORE)
        return tiers_to_json(1U << TIER_PRE_RESTORE);
    return tiers_to_json(r->tiers != 0 ? r->tiers : 1U << TIER_MANUAL);
}

bool run_makes_fragment(const struct run *r)
{
    return r->source_count < r->job->source_count && r->kind == RUN_BACKUP;
}

json_t *run_commit_job(const struct run *r)
{
    char host[256] = "";

    (void)gethostname(host, sizeof(host) - 1);
    return json_pack("{s:s,s:s,s:s,s:I,s:o,s:s,s:o,s:b,s:b,s:o,s:o}", "verb", "commit", "job",
                     r->job->name, "id", r->id, "sequence", (json_int_t)r->sequence, "tiers",
                     tiers_of_set(r), "reason", reason_of(r), "started", time_to_json(r->started),
                     "fragment", run_makes_fragment(r), "stays", run_stays(r), "host",
                     json_printable(host), "sources", commit_sources(r));
}

static void add_env(json_t *env, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        (void)json_object_set_new(env, name, json_printable(value));
}

json_t *run_hook_job(const struct run *r, const struct strlist *argv, bool after)
{
    json_t *env = json_object(), *tiers = tiers_to_json(r->tiers), *tier;
    char number[24], bytes[24];
    struct buf joined = BUF_INIT(1024);
    size_t i;

    (void)snprintf(number, sizeof(number), "%lld", (long long)r->number);
    (void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)run_bytes(r));
    json_array_foreach(tiers, i, tier) if (buf_printf(&joined, NULL, "%s%s", i > 0 ? " " : "",
                                                      json_string_value(tier)) < 0) break;
    add_env(env, "SYNBAK_JOB", r->job->name);
    add_env(env, "SYNBAK_RUN", number);
    add_env(env, "SYNBAK_ID", r->id);
    add_env(env, "SYNBAK_TIERS", (const char *)joined.data);
    add_env(env, "SYNBAK_HOOK", after ? "after" : "before");
    if (after) {
        add_env(env, "SYNBAK_OUTCOME", run_outcome_word(r->outcome));
        add_env(env, "SYNBAK_ERROR", r->error.text);
        add_env(env, "SYNBAK_BYTES", bytes);
    }
    buf_deinit(&joined);
    json_decref(tiers);
    return json_pack("{s:s,s:o,s:o,s:I}", "verb", "hook", "argv", json_from_strings(argv), "env",
                     env, "timeout_s", (json_int_t)r->job->hook_timeout_s);
}
