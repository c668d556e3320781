#include "cli/bare_explain.h"

#include <string.h>

#include "cli/bare.h"
#include "cli/judge.h"
#include "cli/place.h"
#include "lib/schedule/retention.h"

struct explaining {
    struct cli *c;
    const struct job *job;
    struct target *target;
    json_t *lines;
};

static void add_line(struct explaining *x, const struct destination *d, const char *why)
{
    (void)json_array_append_new(
        x->lines, json_pack("{s:s, s:o}", "destination", d->name, "why", json_printable(why)));
}

/* Of the destination that is looked at first. NULL: none is good. */
static const char *newest_good(const struct sets *sets)
{
    const struct set *found = NULL;

    for (size_t i = 0; i < sets->count; i++)
        if (sets->items[i].state == SET_GOOD &&
            (found == NULL || sets->items[i].sequence > found->sequence))
            found = &sets->items[i];
    return found != NULL ? found->id : NULL;
}

static int decide(struct explaining *x, const struct destination *d, const struct sets *sets,
                  struct err *e)
{
    const struct retention_input in = {
        .job = x->job,
        .sets = sets,
        .destination = d->name,
        .now = x->c->screen.now,
        .timezone = x->job->timezone != NULL ? x->job->timezone : x->c->config->timezone};
    struct retention_plan plan;

    if (retention_decide(&in, &plan, e) < 0)
        return -1;
    for (size_t i = 0; i < plan.count; i++) {
        const struct retention_verdict *v = &plan.verdicts[i];
        if (!str_equal(v->set->id, x->target->id))
            continue;
        _cleanup_free_ char *why = mem_printf(
            "%s%s", v->why,
            v->remove && !d->deletes ? ", but delete = no leaves that to another identity" : "");
        add_line(x, d, why);
    }
    retention_plan_deinit(&plan);
    return 0;
}

static int explain_at(struct explaining *x, const struct destination *d, struct err *e)
{
    _cleanup_json_ json_t *store = NULL, *scan = NULL;
    json_t *by_job;
    struct sets sets;

    if (place_store_of(x->c, d, &store, e) < 0 ||
        bare_scan(x->c, store, x->job->name, &scan, e) < 0 ||
        json_get_object(scan, "sets", &by_job, e) < 0)
        return -1;
    judge_read(json_object_get(by_job, x->job->name), d->name, x->job->size_drop_percent, &sets);
    if (str_equal(x->target->id, "latest") && newest_good(&sets) != NULL) {
        free(x->target->id);
        x->target->id = mem_strdup(newest_good(&sets));
    }
    int rc = decide(x, d, &sets, e);
    sets_deinit(&sets);
    return rc;
}

int bare_explain(struct cli *c, struct target *t, json_t **ret, struct err *e)
{
    struct explaining x = {.c = c, .target = t, .job = config_job(c->config, t->job)};
    struct err why = {0};

    if (x.job == NULL)
        return err_set(e, ERR_NOT_FOUND, "the configuration has no job \"%s\"", t->job);
    x.lines = json_array();
    for (size_t i = 0; i < x.job->destination_count && why.code != ERR_CANCELLED; i++)
        if (explain_at(&x, x.job->destinations[i], &why) < 0)
            add_line(&x, x.job->destinations[i], why.text);
    if (why.code == ERR_CANCELLED || json_array_size(x.lines) == 0) {
        json_decref(x.lines);
        return why.code == ERR_CANCELLED
                   ? err_set(e, ERR_CANCELLED, "%s", why.text)
                   : err_set(e, ERR_NOT_FOUND, "job \"%s\" has no set \"%s\" (synbakctl list %s)",
                             t->job, t->id, t->job);
    }
    *ret = json_pack("{s:o}", "lines", x.lines);
    return 0;
}
