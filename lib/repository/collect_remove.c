#include <string.h>

#include "lib/repository/collect_parts.h"

enum { BATCH = 200 }; /* sets a record: some 20 KiB of it */

static const struct repository_set *find(const struct repository_set *sets, size_t count,
                                         const struct collect_set *x)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sets[i].id, x->id) == 0 && strcmp(sets[i].job, x->job) == 0)
            return &sets[i];
    return NULL;
}

/* Retention chose by what was listed some time ago: a pin that came since counts. */
static bool may_go(struct collector *c, const struct repository_set *set)
{
    const char *why = NULL;

    if (set->pinned && (set->pin_until.us == 0 || set->pin_until.us > c->spec->now.us))
        why = "it is pinned";
    else if (collect_is_read(c->spec, set->job, set->id))
        why = "it is being read";
    if (why != NULL)
        strlist_addf(&c->result->refused, "%s/%s: %s", set->job, set->id, why);
    return why == NULL;
}

static int flush(struct collector *c, json_t **batch, struct err *e)
{
    size_t count = json_array_size(*batch);

    if (count == 0)
        return 0;
    json_t *members = json_pack("{s:o s:s}", "sets", TAKE(*batch), "rule",
                                c->spec->rule == NULL ? "" : c->spec->rule);
    *batch = json_array();
    if (collect_cancelled(c, e) < 0) {
        json_decref(members);
        return -1;
    }
    if (log_append(c->r->pruner, c->spec->who, "removed", members, NULL, e) < 0)
        return -1;
    c->result->removed += count;
    collect_replicate_log(c);
    return 0;
}

int collect_remove_sets(struct collector *c, struct err *e)
{
    _cleanup_free_ struct repository_set *sets = NULL;
    _cleanup_json_ json_t *batch = json_array();
    size_t count;

    if (repository_sets(c->r, &sets, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < c->spec->remove_count; i++) {
        const struct repository_set *set = find(sets, count, &c->spec->remove[i]);
        if (set == NULL || !may_go(c, set))
            continue;
        (void)json_array_append_new(batch, json_pack("{s:s s:s s:I}", "job", set->job, "id",
                                                     set->id, "number", (json_int_t)set->number));
        if (json_array_size(batch) == BATCH && flush(c, &batch, e) < 0)
            return -1;
    }
    return flush(c, &batch, e);
}
