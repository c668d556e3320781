#include "cli/safety_copy.h"

#include "cli/wait_run.h"

static bool wanted(const struct cli *c)
{
    return args_has(c->args, "--in-place") && !args_has(c->args, "--no-safety-copy");
}

const char *safety_copy_word(const struct cli *c, const struct place *p)
{
    return !wanted(c) ? "none" : p->token != NULL ? "done" : "refuse";
}

/* What the plan says is there now; without such a list, what is restored. New reference. */
static json_t *sources_to_copy(const struct cli *c, const json_t *plan)
{
    json_t *list = json_object_get(plan, "copy");

    return json_is_array(list) ? json_incref(list) : args_values(c->args, "--source");
}

int safety_copy_make(struct cli *c, const struct place *p, const json_t *plan, struct err *e)
{
    _cleanup_json_ json_t *started = NULL, *result = NULL;
    json_t *sources;
    int64_t run;

    if (!wanted(c) || p->token == NULL)
        return 0;
    sources = sources_to_copy(c, plan);
    if (json_is_array(json_object_get(plan, "copy")) && json_array_size(sources) == 0) {
        json_decref(sources);
        return 0; /* nothing is there any more */
    }
    json_t *params =
        json_pack("{s:s, s:o, s:s}", "job", p->job, "sources", sources, "token", p->token);
    if (cli_call(c, "pre-restore", params, &started, e) < 0 ||
        json_get_i64(started, "run", 1, INT64_MAX, &run, e) < 0 ||
        wait_for_run(c, run, &result, e) < 0)
        return err_wrap(e, "copy of the present state");
    if (wait_exit_status(result) == 0) {
        if (!c->screen.json)
            say_line(&c->screen, PLAIN, "the present state is saved as %s/%s", p->job,
                     json_opt_string(result, "id", "?"));
        return 0;
    }
    return err_set(e, ERR_REFUSED,
                   "the present state could not be copied: %s (mend it, or restore with "
                   "--no-safety-copy); nothing was changed",
                   json_opt_string(result, "error", "no reason given"));
}
