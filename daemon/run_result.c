/* run_result.c — what came back from a run's workers, and what it makes of the run. */
#include <string.h>

#include "daemon/catalog.h"
#include "daemon/daemon.h"
#include "daemon/record.h"
#include "daemon/run.h"
#include "daemon/set_json.h"

/* --- one source --- */

static struct run_destination *destination_of(struct run *r, const json_t *o)
{
    const char *name = json_opt_string(o, "destination", "");

    for (size_t i = 0; i < r->destination_count; i++)
        if (strcmp(r->destinations[i].destination->name, name) == 0)
            return &r->destinations[i];
    return NULL;
}

static void put_out(struct run_destination *rd, const json_t *o)
{
    rd->out = true;
    (void)err_set(&rd->error, err_from_word(json_opt_string(o, "code", "internal")), "%s",
                  json_opt_string(o, "error", "the worker gave no reason"));
    (void)err_wrap(&rd->error, "destination \"%s\"", rd->destination->name);
}

/* A destination that the worker is silent about has nothing of this source: a set must not be made
 * there as if it had. */
static void take_destinations(struct run *r, const struct run_source *s, const json_t *result)
{
    json_t *list = json_object_get(result, "destinations"), *o;
    _cleanup_free_ bool *told = mem_alloc(r->destination_count * sizeof(*told));
    size_t i;

    json_array_foreach(list, i, o)
    {
        struct run_destination *rd = destination_of(r, o);
        if (rd == NULL || rd->out)
            continue;
        told[rd - r->destinations] = true;
        json_t *artifacts = json_object_get(o, "artifacts");
        if (!json_opt_bool(o, "ok", false))
            put_out(rd, o);
        else if (json_array_size(artifacts) > 0)
            (void)json_object_set(s->artifacts, rd->destination->name, artifacts);
    }
    for (i = 0; i < r->destination_count; i++)
        if (!told[i] && !r->destinations[i].out)
            put_out(&r->destinations[i], NULL);
}

static bool all_out(const struct run *r)
{
    for (size_t i = 0; i < r->destination_count; i++)
        if (!r->destinations[i].out)
            return false;
    return true;
}

void run_take_source(struct run *r, struct run_source *s, const json_t *result, const struct err *e)
{
    s->done = true;
    if (result == NULL) {
        struct err why = *e;
        (void)err_wrap(&why, "source \"%s\"", s->source->name);
        strlist_add(&s->problems, why.text);
        if (why.code == ERR_KEY)
            run_fail(r, &why); /* nothing else could be written either */
        else if (r->first_source_error.code == ERR_NONE)
            r->first_source_error = why;
        return;
    }
    s->whole = json_opt_bool(result, "whole", false);
    s->raw_bytes = (uint64_t)json_opt_i64(result, "raw_bytes", 0);
    s->tracking = json_incref(json_object_get(result, "tracking"));
    if (json_get_strings(result, "problems", &s->problems, NULL) < 0)
        strlist_add(&s->problems, "the worker's list of problems cannot be read");
    take_destinations(r, s, result);
    if (!s->whole && r->first_source_error.code == ERR_NONE)
        (void)err_set(&r->first_source_error, ERR_INCOMPLETE,
                      "source \"%s\" was not read completely%s%s", s->source->name,
                      s->problems.count > 0 ? ": " : "",
                      s->problems.count > 0 ? s->problems.items[0] : "");
    if (all_out(r) && r->destination_count > 0)
        run_fail(r, &r->destinations[0].error);
}

/* --- the commit --- */

static uint64_t artifact_bytes(const struct run_source *s, const char *destination)
{
    uint64_t bytes = 0;
    json_t *list = json_object_get(s->artifacts, destination), *artifact;
    size_t i;

    json_array_foreach(list, i, artifact)
    {
        bytes += (uint64_t)json_opt_i64(artifact, "stored_bytes", 0);
    }
    return bytes;
}

static void add_to_catalog(struct run *r, const struct run_destination *rd)
{
    struct set s = {.id = mem_strdup(r->id),
                    .destination = mem_strdup(rd->destination->name),
                    .sequence = r->sequence,
                    .tiers = r->kind == RUN_PRE_RESTORE ? 1U << TIER_PRE_RESTORE
                             : r->tiers != 0            ? r->tiers
                                                        : 1U << TIER_MANUAL,
                    .started = r->started,
                    .finished = clock_wall(),
                    .shares = rd->destination->format == FORMAT_REPOSITORY,
                    .fragment = run_makes_fragment(r),
                    .stays = run_stays(r)};

    s.sources = mem_alloc(r->source_count * sizeof(*s.sources));
    for (size_t i = 0; i < r->source_count; i++) {
        const struct run_source *source = &r->sources[i];
        s.sources[s.source_count++] =
            (struct set_source){.name = mem_strdup(source->source->name),
                                .whole = source->whole,
                                .raw_bytes = source->raw_bytes,
                                .stored_bytes = artifact_bytes(source, rd->destination->name)};
        s.incomplete |= !source->whole;
    }
    catalog_add(r->daemon->catalog, r->job->name, &s);
}

static void take_commit_at(struct run *r, struct run_destination *rd, const json_t *o)
{
    if (!json_opt_bool(o, "ok", false)) {
        put_out(rd, o);
        return;
    }
    rd->committed = true;
    rd->bytes = (uint64_t)json_opt_i64(o, "stored_bytes", 0);
    daemon_know_marker(r->daemon, rd->destination->name, json_opt_string(o, "marker_id", ""));
    daemon_know_heads(r->daemon, rd->destination->name, json_object_get(o, "heads"));
    catalog_destination(r->daemon->catalog, rd->destination->name)->key_alone =
        json_is_false(json_object_get(o, "recovery_slot"));
    catalog_destination(r->daemon->catalog, rd->destination->name)->write_only =
        json_is_false(json_object_get(o, "may_read"));
    add_to_catalog(r, rd);
}

/* The set is committed there: from here on "unchanged" means since this run. */
static void remember_tracking(struct run *r)
{
    _cleanup_json_ json_t *numbers = json_object();

    for (size_t i = 0; i < r->destination_count; i++) {
        const struct run_destination *rd = &r->destinations[i];
        const char *repository = rd->destination->repository;
        json_t *of_sources = json_object();
        for (size_t k = 0; rd->committed && repository != NULL && k < r->source_count; k++) {
            json_t *number = json_object_get(r->sources[k].tracking, repository);
            if (number != NULL)
                (void)json_object_set(of_sources, r->sources[k].source->name, number);
        }
        if (json_object_size(of_sources) > 0)
            (void)json_object_set(numbers, repository, of_sources);
        json_decref(of_sources);
    }
    if (json_object_size(numbers) > 0)
        daemon_post(r->daemon,
                    json_pack("{s:s,s:s,s:O}", "type", RECORD_TRACKED, "job", r->job->name,
                              "numbers", numbers),
                    NULL, NULL);
}

void run_take_commit(struct run *r, const json_t *result, const struct err *e)
{
    json_t *list, *o;
    size_t i;

    if (result == NULL) {
        struct err why = *e;
        (void)err_wrap(&why, "commit");
        run_fail(r, &why);
        return;
    }
    list = json_object_get(result, "destinations");
    json_array_foreach(list, i, o)
    {
        struct run_destination *rd = destination_of(r, o);
        if (rd != NULL && !rd->out)
            take_commit_at(r, rd, o);
    }
    for (i = 0; i < r->destination_count; i++) {
        struct run_destination *rd = &r->destinations[i];
        if (!rd->committed && !rd->out)
            put_out(rd, NULL);
    }
    remember_tracking(r);
}

/* --- the verdict --- */

static void set_outcome(struct run *r, enum run_outcome outcome, const struct err *e)
{
    r->outcome = outcome;
    run_fail(r, e);
}

/* What a run that a crash cut off has left at the destinations, which have been listed. */
static void judge_interrupted(struct run *r)
{
    struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);
    struct err why = {0};

    for (size_t i = 0; i < r->destination_count; i++) {
        const struct set *s = catalog_find(known, r->destinations[i].destination->name, r->id);
        if (s != NULL) {
            r->destinations[i].committed = true;
            r->destinations[i].bytes = set_bytes(s);
        }
    }
    (void)err_set(&why, ERR_INTERNAL,
                  "the run was interrupted by a crash, a kill or a power loss of synbakd");
    for (size_t i = 0; i < r->destination_count; i++)
        if (!r->destinations[i].committed)
            r->destinations[i].error = why;
    if (r->kind == RUN_VERIFY) /* nobody knows what it would have found */
        set_outcome(r, OUTCOME_FAILED, &why);
}

/* The crash came after the verdict, in the after hook say: it stands. */
static bool take_verdict(struct run *r)
{
    const json_t *result = history_run_record(r->daemon->history, r->number, RECORD_RUN_RESULT);
    int outcome = run_outcome_from_word(json_opt_string(result, "outcome", ""));

    if (outcome < 0)
        return false;
    r->outcome = (enum run_outcome)outcome;
    r->error = (struct err){0};
    if (strcmp(json_opt_string(result, "code", "none"), err_word(ERR_NONE)) != 0)
        (void)err_set(&r->error, err_from_word(json_opt_string(result, "code", "")), "%s",
                      json_opt_string(result, "error", ""));
    return true;
}

/* What cannot be read is not verified, whatever the rest is like, and what is gone is not either. */
static void judge_unverified(struct run *r)
{
    const char *id = json_opt_string(r->request, "id", NULL);
    struct err gone;

    for (size_t i = 0; i < r->destination_count; i++)
        if (r->destinations[i].out)
            run_fail(r, &r->destinations[i].error);
    if (id != NULL && r->check_count == 0 && r->error.code == ERR_NONE &&
        r->cancelled.code == ERR_NONE) {
        (void)err_set(&gone, ERR_NOT_FOUND,
                      "set %s is gone: it was removed before it could be read", id);
        run_fail(r, &gone);
    }
}

static enum set_state worst_state(struct run *r)
{
    struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);
    enum set_state worst = SET_GOOD;

    for (size_t i = 0; i < r->destination_count; i++) {
        const struct set *s = catalog_find(known, r->destinations[i].destination->name, r->id);
        if (s != NULL && (s->state == SET_SUSPECT || s->state == SET_INCOMPLETE))
            worst = s->state == SET_INCOMPLETE || worst == SET_INCOMPLETE ? SET_INCOMPLETE
                                                                          : SET_SUSPECT;
    }
    return worst;
}

static void judge_committed(struct run *r)
{
    struct err why = {0};

    if (worst_state(r) == SET_INCOMPLETE) {
        (void)err_set(&why, ERR_INCOMPLETE, "%s",
                      r->first_source_error.code != ERR_NONE ? r->first_source_error.text
                                                             : "a source was not read completely");
        set_outcome(r, OUTCOME_INCOMPLETE, &why);
        return;
    }
    if (worst_state(r) == SET_SUSPECT) {
        (void)err_set(&why, ERR_SUSPECT,
                      "far smaller than the sets before it: look, then synbakctl accept %s/%s",
                      r->job->name, r->id);
        set_outcome(r, OUTCOME_SUSPECT, &why);
        return;
    }
    for (size_t i = 0; i < r->destination_count; i++)
        if (!r->destinations[i].committed) { /* told, and left to the copies */
            (void)err_set(&why, ERR_LATE, "%s", r->destinations[i].error.text);
            set_outcome(r, OUTCOME_GOOD, &why);
        }
}

static void judge_uncommitted(struct run *r)
{
    struct err why = r->first_source_error;

    for (size_t i = 0; i < r->destination_count && why.code == ERR_NONE; i++)
        why = r->destinations[i].error;
    if (why.code == ERR_NONE)
        (void)err_set(&why, ERR_INTERNAL, "nothing was read");
    if (why.code == ERR_INCOMPLETE)
        why.code = ERR_SOURCE;
    set_outcome(r, OUTCOME_FAILED, &why);
}

void run_judge(struct run *r)
{
    size_t committed = 0;

    r->outcome = OUTCOME_GOOD;
    if (r->interrupted)
        judge_interrupted(r);
    if (r->interrupted && take_verdict(r))
        return;
    if (r->kind == RUN_VERIFY)
        judge_unverified(r);
    for (size_t i = 0; i < r->destination_count; i++)
        committed += r->destinations[i].committed;
    if (r->interrupted && r->error.code != ERR_NONE)
        return;
    if (committed > 0 && (r->error.code == ERR_NONE || r->cancelled.code != ERR_NONE))
        judge_committed(r);
    else if (r->cancelled.code != ERR_NONE)
        r->error = r->cancelled, r->outcome = OUTCOME_CANCELLED;
    else if (r->error.code != ERR_NONE)
        r->outcome = OUTCOME_FAILED;
    else if (r->kind != RUN_VERIFY)
        judge_uncommitted(r);
}

uint64_t run_bytes(const struct run *r)
{
    uint64_t most = r->verified_bytes;

    for (size_t i = 0; i < r->destination_count; i++)
        if (r->destinations[i].bytes > most)
            most = r->destinations[i].bytes;
    return most;
}

static json_t *destinations_to_json(const struct run *r)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->destination_count; i++) {
        const struct run_destination *rd = &r->destinations[i];
        const bool failed = !rd->committed && r->kind != RUN_VERIFY;
        (void)json_array_append_new(
            array,
            json_pack("{s:s,s:b,s:I,s:o,s:s}", "destination", rd->destination->name, "ok", !failed,
                      "bytes", (json_int_t)rd->bytes, "error",
                      rd->error.text[0] != '\0' ? json_printable(rd->error.text) : json_null(),
                      "code", err_word(rd->error.code)));
    }
    return array;
}

json_t *run_to_record(const struct run *r, const char *type)
{
    const bool committed = run_bytes(r) > 0;

    return json_pack("{s:s,s:I,s:s,s:s,s:o,s:b,s:s,s:s,s:o,s:o,s:I,s:I,s:o,s:I,s:o,s:o,s:b}",
                     "type", type, "run", (json_int_t)r->number, "job", r->job->name, "kind",
                     record_kind_word(r->kind), "tiers", tiers_to_json(r->tiers), "fragment",
                     r->fragment, "outcome", run_outcome_word(r->outcome), "code",
                     err_word(r->error.code), "error",
                     r->error.code != ERR_NONE ? json_printable(r->error.text) : json_null(), "id",
                     committed || r->id[0] != '\0' ? json_string(r->id) : json_null(), "sequence",
                     (json_int_t)r->sequence, "bytes", (json_int_t)run_bytes(r), "started",
                     time_to_json(r->started), "duration_s",
                     (json_int_t)((clock_mono().us - r->began.us) / 1000000), "destinations",
                     destinations_to_json(r), "problems", json_from_strings(&r->problems), "asked",
                     r->cancelled.code != ERR_NONE && !r->stopped);
}
