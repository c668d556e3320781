#include "cli/safety_copy.h"

#include "cli/local_copy.h"
#include "cli/wait_run.h"

static bool wanted(const struct cli *c)
{
    return args_has(c->args, "--in-place") && !args_has(c->args, "--no-safety-copy");
}

static const struct job *configured_job(const struct cli *c, const struct place *p)
{
    return c->config != NULL && p->job != NULL ? config_job(c->config, p->job) : NULL;
}

const char *safety_copy_word(const struct cli *c, const struct place *p)
{
    if (!wanted(c))
        return "none";
    return p->token != NULL || local_copy_possible(configured_job(c, p)) ? "done" : "refuse";
}

static int copy_by_daemon(struct cli *c, const struct place *p, json_t *replaced, char **ret_id,
                          struct err *e)
{
    _cleanup_json_ json_t *started = NULL, *result = NULL;
    int64_t run;
    json_t *params =
        json_pack("{s:s, s:O, s:s}", "job", p->job, "sources", replaced, "token", p->token);

    if (cli_call(c, "pre-restore", params, &started, e) < 0 ||
        json_get_i64(started, "run", 1, INT64_MAX, &run, e) < 0 ||
        wait_for_run(c, run, false, &result, e) < 0)
        return -1;
    if (wait_exit_status(result) != 0)
        return err_set(e, ERR_REFUSED, "%s", json_opt_string(result, "error", "no reason given"));
    *ret_id = mem_strdup(json_opt_string(result, "id", "?"));
    return 0;
}

int safety_copy_make(struct cli *c, const struct place *p, json_t *replaced, struct err *e)
{
    _cleanup_free_ char *id = NULL;
    struct err why = {0};

    if (!wanted(c) || json_array_size(replaced) == 0)
        return 0; /* what is not there any more needs no copy */
    int rc = p->token != NULL ? copy_by_daemon(c, p, replaced, &id, &why)
                              : local_copy_make(c, configured_job(c, p), replaced, &id, &why);
    if (rc < 0)
        return err_set(e, why.code == ERR_CANCELLED ? ERR_CANCELLED : ERR_REFUSED,
                       "the present state could not be copied: %s (mend it, or restore with "
                       "--no-safety-copy); nothing was changed",
                       why.text);
    if (!c->screen.json)
        say_line(&c->screen, PLAIN, "the present state is saved as %s/%s", p->job, id);
    return 0;
}
