/* cmd_daemon.c — what concerns the daemon as a whole: reload, rescan, adopt, clock accept, prune,
 * schedule. */
#include <stdio.h>
#include <string.h>

#include "cli/bare_prune.h"
#include "cli/cli.h"

static json_t *params_with(const struct cli *c, const char *member)
{
    const char *operand = args_operand(c->args, 0);
    json_t *params = cli_params(c);

    if (operand != NULL)
        (void)json_object_set_new(params, member, json_printable(operand));
    return params;
}

int cmd_reload(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;

    if (cli_call(c, "reload", cli_params(c), &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    _cleanup_free_ char *files = join_strings(json_object_get(result, "files"), " ");
    say_line(&c->screen, PLAIN, "the configuration is read anew: %s", files);
    return EXIT_DONE;
}

int cmd_rescan(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;

    if (cli_call(c, "rescan", params_with(c, "destination"), &result, e) < 0)
        return -1;
    const json_t *failed = json_object_get(result, "failed"), *one;
    const int status = json_array_size(failed) > 0 ? EXIT_FAILED : EXIT_DONE;
    size_t i;
    if (cli_json(c, result))
        return status;
    say_line(&c->screen, PLAIN, "%lld sets found", (long long)json_opt_i64(result, "sets", 0));
    json_array_foreach(failed, i, one)
        say_line(&c->screen, RED, "destination \"%s\" could not be listed: %s",
                 json_opt_string(one, "destination", "?"), json_opt_string(one, "error", "?"));
    return status;
}

int cmd_adopt(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;

    if (cli_call(c, "adopt", params_with(c, "destination"), &result, e) < 0)
        return -1;
    if (!cli_json(c, result))
        say_line(&c->screen, PLAIN, "destination \"%s\" is ours now", args_operand(c->args, 0));
    return EXIT_DONE;
}

int cmd_clock_accept(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;

    if (cli_call(c, "clock-accept", cli_params(c), &result, e) < 0)
        return -1;
    if (!cli_json(c, result))
        say_line(&c->screen, PLAIN, "the clock is believed again; rules by age go on");
    return EXIT_DONE;
}

/* One destination of one job: what went or would go, or why nothing may. Returns how many lines. */
static size_t print_pruned(const struct screen *s, const json_t *job, bool dry)
{
    const json_t *remove = json_object_get(job, "remove");
    const bool ours = json_opt_bool(job, "deletes", true);
    const char *problem = json_opt_string(job, "problem", NULL);
    json_t *set;
    size_t i;

    if (problem != NULL)
        say_line(s, RED, "%s at %s: nothing is deleted: %s", json_opt_string(job, "job", "?"),
                 json_opt_string(job, "destination", "?"), problem);
    json_array_foreach(remove, i, set)
        say_line(s, PLAIN, "%s %s/%s at %s: %s",
                 !ours ? "left to another identity:"
                 : dry ? "would delete"
                       : "deleted",
                 json_opt_string(job, "job", "?"), json_opt_string(set, "id", "?"),
                 json_opt_string(job, "destination", "?"), json_opt_string(set, "why", "?"));
    if (json_opt_bool(job, "capped", false))
        say_line(s, YELLOW, "%s at %s: more is due, but max_delete bounds one pass",
                 json_opt_string(job, "job", "?"), json_opt_string(job, "destination", "?"));
    return json_array_size(remove) + (problem != NULL ? 1 : 0);
}

int cmd_prune(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    bool dry = args_has(c->args, "--dry-run");
    size_t i, count = 0;
    json_t *job;

    if (args_has(c->args, "--destination"))
        return bare_prune(c, e);
    json_t *params = params_with(c, "job");
    (void)json_object_set_new(params, "dry_run", json_boolean(dry));
    if (cli_call(c, "prune", params, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "jobs"), i, job) count +=
        print_pruned(&c->screen, job, dry);
    if (count == 0)
        say_line(&c->screen, PLAIN, "nothing to delete");
    return EXIT_DONE;
}

int cmd_schedule(struct cli *c, struct err *e)
{
    static const char *const titles[] = {"JOB", "AT", "IN", "TIERS"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    _cleanup_json_ json_t *result = NULL;
    const char *text = args_value(c->args, "--count");
    json_t *params = params_with(c, "job"), *job, *due;
    int64_t count = 5;
    char when[48];
    size_t i, j;

    if (text != NULL && str_to_i64(text, 1, 1000, &count, e) < 0) {
        json_decref(params);
        e->code = ERR_USAGE;
        return err_wrap(e, "--count");
    }
    (void)json_object_set_new(params, "count", json_integer(count));
    if (cli_call(c, "schedule", params, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "jobs"), i, job)
        json_array_foreach(json_object_get(job, "due"), j, due)
    {
        _cleanup_free_ char *tiers = join_strings(json_object_get(due, "tiers"), ", ");
        const char *at = json_opt_string(due, "at", NULL);
        table_add(&t, PLAIN, "%s", json_opt_string(job, "job", "?"));
        table_add(&t, PLAIN, "%s", screen_time(&c->screen, at, when));
        table_add(&t, PLAIN, "%s", screen_age(&c->screen, at, when));
        table_add(&t, PLAIN, "%s", tiers);
    }
    if (t.count > 0)
        table_print(&c->screen, &t);
    else
        say_line(&c->screen, PLAIN, "nothing is scheduled");
    return EXIT_DONE;
}
