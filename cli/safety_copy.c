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

int safety_copy_make(struct cli *c, const struct place *p, json_t *replaced, struct err *e)
{
    _cleanup_json_ json_t *started = NULL, *result = NULL;
    int64_t run;

    if (!wanted(c) || p->token == NULL || json_array_size(replaced) == 0)
        return 0; /* what is not there any more needs no copy */
    json_t *params =
        json_pack("{s:s, s:O, s:s}", "job", p->job, "sources", replaced, "token", p->token);
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
