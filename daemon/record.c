#include "daemon/record.h"

#include <string.h>

#include "daemon/set_json.h"

static const char *const kinds[] = {
    [RUN_BACKUP] = "backup", [RUN_VERIFY] = "verify", [RUN_PRE_RESTORE] = "pre-restore"};

const char *record_kind_word(enum run_kind kind)
{
    return kinds[kind];
}

enum run_kind record_kind_from_word(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i], word) == 0)
            return (enum run_kind)i;
    return RUN_BACKUP;
}

static json_t *about_run(const char *type, const struct action *a)
{
    return json_pack("{s:s,s:I,s:s,s:s,s:o,s:b}", "type", type, "run", (json_int_t)a->run, "job",
                     a->job, "kind", record_kind_word(a->run_kind), "tiers",
                     tiers_to_json(a->tiers), "fragment", a->fragment);
}

json_t *record_run_queued(const struct action *a, const json_t *details)
{
    json_t *record = about_run(RECORD_RUN_QUEUED, a);

    (void)json_object_set_new(record, "retry", json_integer(a->retry));
    (void)json_object_set_new(record, "why", json_printable(a->why));
    if (details != NULL)
        (void)json_object_update_missing(record, (json_t *)details);
    return record;
}

json_t *record_run_started(const struct action *a)
{
    return about_run(RECORD_RUN_STARTED, a);
}

json_t *record_run_dropped(const struct action *a)
{
    json_t *record = about_run(RECORD_RUN_FINISHED, a);

    (void)json_object_set_new(record, "outcome", json_string(run_outcome_word(OUTCOME_CANCELLED)));
    (void)json_object_set_new(record, "code", json_string(err_word(ERR_CANCELLED)));
    (void)json_object_set_new(record, "error", json_printable(a->why));
    (void)json_object_set_new(record, "asked", json_true());
    return record;
}

json_t *record_skipped(const struct action *a)
{
    return json_pack("{s:s,s:s,s:o,s:s}", "type", RECORD_RUN_SKIPPED, "job", a->job, "tiers",
                     tiers_to_json(a->tiers), "why", a->why);
}

json_t *record_queue_alarm(const struct action *a)
{
    return json_pack("{s:s,s:I,s:s,s:s}", "type", RECORD_QUEUE_ALARM, "run", (json_int_t)a->run,
                     "job", a->job, "why", a->why);
}
