/* cmd_runs.c — trigger, cancel, and the waiting half of verify. */
#include <stdio.h>
#include <string.h>

#include "cli/bare_verify.h"
#include "cli/bare_place.h"
#include "cli/cli.h"
#include "cli/target.h"
#include "cli/wait_run.h"

/* Repeated options as an array, left out when there are none. */
static void add_list(const struct cli *c, json_t *params, const char *member, const char *option)
{
    if (args_has(c->args, option))
        (void)json_object_set_new(params, member, args_values(c->args, option));
}

static void add_value(const struct cli *c, json_t *params, const char *member, const char *option)
{
    const char *value = args_value(c->args, option);

    if (value != NULL)
        (void)json_object_set_new(params, member, json_printable(value));
}

static int check_tier(const struct cli *c, struct err *e)
{
    const char *tier = args_value(c->args, "--tier");

    if (tier == NULL || (tier_from_word(tier) >= 0 && tier_from_word(tier) < TIER_COUNT) ||
        strcmp(tier, "manual") == 0)
        return 0;
    return err_set(e, ERR_USAGE,
                   "--tier is one of hourly, daily, weekly, monthly, yearly, manual; not \"%s\"",
                   tier);
}

int cmd_trigger(struct cli *c, struct err *e)
{
    _cleanup_(target_deinit) struct target t = {0};
    _cleanup_json_ json_t *started = NULL, *result = NULL;
    int64_t run;

    if (check_tier(c, e) < 0 || target_of_command(c, &t, e) < 0)
        return -1;
    json_t *params = target_params(c, &t);
    add_value(c, params, "tier", "--tier");
    add_value(c, params, "pin", "--pin");
    add_list(c, params, "sources", "--source");
    add_list(c, params, "destinations", "--destination");
    if (args_has(c->args, "--local-only"))
        (void)json_object_set_new(params, "local_only", json_true());
    if (cli_call(c, "trigger", params, &started, e) < 0 ||
        json_get_i64(started, "run", 1, INT64_MAX, &run, e) < 0)
        return -1;
    if (!args_has(c->args, "--wait")) {
        if (!cli_json(c, started))
            say_line(&c->screen, PLAIN,
                     "run %lld of job \"%s\" is queued (follow: synbakctl status %s)",
                     (long long)run, t.job, t.job);
        return EXIT_DONE;
    }
    if (wait_for_run(c, run, true, &result, e) < 0)
        return -1;
    if (!cli_json(c, result))
        wait_print_backup(&c->screen, t.job, result);
    return wait_exit_status(result);
}

int cmd_cancel(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    int64_t run;

    if (str_to_i64(args_operand(c->args, 0), 1, INT64_MAX, &run, e) < 0) {
        e->code = ERR_USAGE;
        return err_wrap(e, "cancel wants the number of a run, as synbakctl status shows it");
    }
    json_t *params = cli_params(c);
    (void)json_object_set_new(params, "run", json_integer(run));
    if (cli_call(c, "cancel", params, &result, e) < 0)
        return -1;
    if (!cli_json(c, result))
        say_line(&c->screen, PLAIN, "run %lld is being stopped", (long long)run);
    return EXIT_DONE;
}

static int verify_by_daemon(struct cli *c, const struct target *t, struct err *e)
{
    _cleanup_json_ json_t *started = NULL, *result = NULL;
    json_t *params = cli_params(c);
    int64_t run;

    if (!args_has(c->args, "--all")) {
        (void)json_object_set_new(params, "job", json_printable(t->job));
        (void)json_object_set_new(params, "id", json_printable(t->id));
    }
    add_value(c, params, "destination", "--destination");
    if (args_has(c->args, "--data"))
        (void)json_object_set_new(params, "data", json_true());
    if (cli_call(c, "verify", params, &started, e) < 0 ||
        json_get_i64(started, "run", 1, INT64_MAX, &run, e) < 0 ||
        wait_for_run(c, run, false, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return wait_exit_status(result);
    const char *error = json_opt_string(result, "error", NULL);
    char size[16];
    bool good = wait_exit_status(result) == 0;
    int64_t bytes = json_opt_i64(result, "bytes", 0);
    say(&c->screen, good ? GREEN : RED, "%s", verify_word(good, bytes));
    say_line(&c->screen, PLAIN, ": %s%srun %lld%s%s",
             bytes > 0 ? str_bytes((uint64_t)bytes, size) : "", bytes > 0 ? ", " : "",
             (long long)run, error != NULL && error[0] != '\0' ? ": " : "",
             error != NULL ? error : "");
    if (good && bytes == 0)
        say_line(&c->screen, PLAIN, "%s", VERIFY_HINT);
    return wait_exit_status(result);
}

static int verify_alone(struct cli *c, struct target *t, struct err *e)
{
    if (cli_load_config_instead(c, e) < 0 ||
        (!args_has(c->args, "--all") && target_complete(c, t, e) < 0))
        return -1;
    (void)fprintf(stderr, "synbakctl: synbakd does not answer; a worker of our own looks at the "
                          "configured destinations\n");
    return bare_verify(c, t, e);
}

int cmd_verify(struct cli *c, struct err *e)
{
    _cleanup_(target_deinit) struct target t = {0};
    const char *place = args_value(c->args, "--destination");

    if (args_has(c->args, "--all") && c->args->operand_count > 0)
        return err_set(e, ERR_USAGE, "verify: either --all or one set");
    if (target_parse(args_operand(c->args, 0), &t, e) < 0)
        return -1;
    if (t.file != NULL || (place != NULL && bare_is_place(place)))
        return bare_verify(c, &t, e);
    if (cli_connect(c, e) < 0)
        return e->code == ERR_NO_DAEMON ? verify_alone(c, &t, e) : -1;
    if (!args_has(c->args, "--all") && target_complete(c, &t, e) < 0)
        return -1;
    return verify_by_daemon(c, &t, e);
}
