/* bare_prune.c — see bare_prune.h.
 *
 * The happy path is: list the place, let lib/schedule decide for each job of the configuration, show
 * what goes, ask, let a worker delete. Failure modes: a set that cannot be deleted is named, and the
 * exit status is 1; sets of jobs without rules here are left alone. */
#include "cli/bare_prune.h"

#include <stdio.h>

#include "cli/bare.h"
#include "cli/bare_place.h"
#include "cli/confirm.h"
#include "cli/judge.h"
#include "cli/place.h"
#include "cli/worker_run.h"
#include "lib/schedule/retention.h"

struct prune {
    struct cli *c;
    const char *destination; /* as it was written */
    json_t *store;
    json_t *plans; /* [{job, destination, remove: [{id, why}], capped, removed, failed}] */
    size_t removals;
};

/* A configured destination must be this machine's to delete at, and no daemon's at the same time. */
static int open_configured(struct prune *p, struct err *e)
{
    const struct destination *d = config_destination(p->c->config, p->destination);

    if (d == NULL)
        return err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"", p->destination);
    if (!d->deletes)
        return err_set(
            e, ERR_REFUSED,
            "destination \"%s\" has delete = no: this installation deletes nothing there "
            "(run it where the configuration and the credentials may delete)",
            d->name);
    int rc = cli_connect_optional(p->c, e);
    if (rc == 0)
        return err_set(
            e, ERR_REFUSED,
            "synbakd answers here and looks after \"%s\" itself (synbakctl prune, without "
            "--destination)",
            d->name);
    return rc < 0 ? -1 : place_store_of(p->c, d, &p->store, e);
}

static json_t *plan_to_json(const struct retention_plan *plan, const char *job,
                            const char *destination)
{
    json_t *remove = json_array();

    for (size_t i = 0; i < plan->count; i++)
        if (plan->verdicts[i].remove)
            (void)json_array_append_new(remove,
                                        json_pack("{s:s,s:s}", "id", plan->verdicts[i].set->id,
                                                  "why", plan->verdicts[i].why));
    return json_pack("{s:s,s:s,s:o,s:b,s:[],s:[]}", "job", job, "destination", destination,
                     "remove", remove, "capped", plan->capped, "removed", "failed");
}

static int decide(struct prune *p, const struct job *job, const json_t *list, struct err *e)
{
    struct sets sets;
    struct retention_plan plan;

    judge_read(list, p->destination, job->size_drop_percent, &sets);
    const struct retention_input in = {.job = job,
                                       .sets = &sets,
                                       .destination = p->destination,
                                       .now = p->c->screen.now,
                                       .timezone = job->timezone != NULL ? job->timezone
                                                                         : p->c->config->timezone};
    int rc = retention_decide(&in, &plan, e);
    if (rc == 0) {
        (void)json_array_append_new(p->plans, plan_to_json(&plan, job->name, p->destination));
        p->removals += plan.removals;
        retention_plan_deinit(&plan);
    }
    sets_deinit(&sets);
    return rc;
}

static int decide_all(struct prune *p, struct err *e)
{
    const char *only = args_operand(p->c->args, 0), *name;
    _cleanup_json_ json_t *scan = NULL;
    json_t *by_job, *list;

    if (only != NULL && config_job(p->c->config, only) == NULL)
        return err_set(e, ERR_USAGE, "the configuration has no job \"%s\"", only);
    if (bare_scan(p->c, p->store, only, &scan, e) < 0 ||
        json_get_object(scan, "sets", &by_job, e) < 0)
        return -1;
    json_object_foreach(by_job, name, list)
    {
        const struct job *job = config_job(p->c->config, name);
        if (job == NULL && !p->c->screen.json)
            say_line(&p->c->screen, YELLOW,
                     "job \"%s\" is not in the configuration: its sets are left alone", name);
        if (job != NULL && decide(p, job, list, e) < 0)
            return -1;
    }
    return 0;
}

static void print_plans(const struct prune *p)
{
    const struct screen *s = &p->c->screen;
    json_t *plan, *set;
    size_t i, j;

    json_array_foreach(p->plans, i, plan)
    {
        const char *job = json_opt_string(plan, "job", "?");
        json_array_foreach(json_object_get(plan, "remove"), j, set)
            say_line(s, PLAIN, "%s/%s at %s: %s", job, json_opt_string(set, "id", "?"),
                     p->destination, json_opt_string(set, "why", "?"));
        if (json_opt_bool(plan, "capped", false))
            say_line(s, YELLOW, "%s: more is due, but max_delete bounds one pass", job);
    }
}

static int remove_sets(struct prune *p, json_t *plan, struct err *e)
{
    _cleanup_json_ json_t *result = NULL, *ids = json_array();
    json_t *set;
    size_t i;

    json_array_foreach(json_object_get(plan, "remove"), i, set)(void)
        json_array_append(ids, json_object_get(set, "id"));
    if (json_array_size(ids) == 0)
        return 0;
    const struct worker_run run = {.screen = &p->c->screen,
                                   .job = json_pack("{s:s, s:O, s:O, s:O}", "verb", "prune",
                                                    "store", p->store, "job",
                                                    json_object_get(plan, "job"), "ids", ids)};
    if (worker_run(&run, &result, e) < 0)
        return -1;
    (void)json_object_set(plan, "removed", json_object_get(result, "removed"));
    (void)json_object_set(plan, "failed", json_object_get(result, "failed"));
    return 0;
}

/* The exit status: a set that is still there though it should be gone is a failure. */
static int report(const struct prune *p)
{
    size_t removed = 0, failed = 0, i, j;
    json_t *plan, *set;

    json_array_foreach(p->plans, i, plan)
    {
        removed += json_array_size(json_object_get(plan, "removed"));
        failed += json_array_size(json_object_get(plan, "failed"));
        json_array_foreach(json_object_get(plan, "failed"), j, set) if (!p->c->screen.json)
            say_line(&p->c->screen, RED, "%s/%s stays: %s", json_opt_string(plan, "job", "?"),
                     json_opt_string(set, "id", "?"), json_opt_string(set, "error", "?"));
    }
    if (!p->c->screen.json)
        say_line(&p->c->screen, PLAIN, "%zu set%s deleted at %s", removed, removed == 1 ? "" : "s",
                 p->destination);
    return failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int carry_out(struct prune *p, struct err *e)
{
    const bool dry = args_has(p->c->args, "--dry-run");
    json_t *plan;
    size_t i;

    if (!p->c->screen.json)
        print_plans(p);
    if (p->removals == 0 && !p->c->screen.json)
        say_line(&p->c->screen, PLAIN, "nothing to delete");
    if (p->removals == 0 || dry)
        return EXIT_DONE;
    _cleanup_free_ char *question =
        mem_printf("%zu set%s will be deleted at %s, for good.", p->removals,
                   p->removals == 1 ? "" : "s", p->destination);
    if (!args_has(p->c->args, "--yes") && confirm_yes(question, e) < 0)
        return -1;
    json_array_foreach(p->plans, i, plan) if (remove_sets(p, plan, e) < 0) return -1;
    return report(p);
}

int bare_prune(struct cli *c, struct err *e)
{
    struct prune p = {
        .c = c, .destination = args_value(c->args, "--destination"), .plans = json_array()};
    int rc = cli_load_config(c, e);

    if (rc < 0)
        rc = err_wrap(e, "what to keep stands in the configuration (--config FILE)");
    else if (bare_is_place(p.destination))
        rc = place_store_of_bare(c, &p.store, e);
    else
        rc = open_configured(&p, e);
    if (rc == 0)
        rc = decide_all(&p, e);
    if (rc == 0)
        rc = carry_out(&p, e);
    if (rc >= 0) {
        _cleanup_json_ json_t *result = json_pack("{s:O}", "jobs", p.plans);
        (void)!cli_json(c, result);
    }
    json_decref(p.store);
    json_decref(p.plans);
    return rc;
}
