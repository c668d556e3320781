/* cmd_marks.c — the commands that say one word to the daemon about a job or a set: pause, resume,
 * hold, release, pin, unpin, accept. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/target.h"
#include "cli/until.h"

/* Call `method` with the target and --until, then say `done` of it. */
static int change(struct cli *c, const char *method, const char *done, struct err *e)
{
    _cleanup_(target_deinit) struct target t = {0};
    _cleanup_json_ json_t *result = NULL;
    const char *until = NULL;
    char iso[32], text[48];

    until = args_value(c->args, "--until");
    if (until != NULL && until_parse(until, c->screen.now, iso, e) < 0)
        return -1;
    if (target_of_command(c, &t, e) < 0)
        return -1;
    if (t.file != NULL)
        return err_set(e, ERR_USAGE, "%s wants JOB/ID, not a file", method);
    json_t *params = target_params(c, &t);
    if (until != NULL)
        (void)json_object_set_new(params, "until", json_string(iso));
    if (cli_call(c, method, params, &result, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    bool of_set = c->args->command->completes == C_SET;
    say_line(&c->screen, PLAIN, "%s%s%s %s%s%s", t.job, of_set ? "/" : "", of_set ? t.id : "", done,
             until != NULL ? " until " : "",
             until != NULL ? screen_time(&c->screen, iso, text) : "");
    return EXIT_DONE;
}

int cmd_pause(struct cli *c, struct err *e)
{
    return change(c, "pause", "is paused", e);
}

int cmd_resume(struct cli *c, struct err *e)
{
    return change(c, "resume", "goes on", e);
}

int cmd_hold(struct cli *c, struct err *e)
{
    return change(c, "hold", "is held: nothing of it is deleted until release", e);
}

int cmd_release(struct cli *c, struct err *e)
{
    return change(c, "release", "is released: retention works again", e);
}

int cmd_pin(struct cli *c, struct err *e)
{
    return change(c, "pin", "is pinned", e);
}

int cmd_unpin(struct cli *c, struct err *e)
{
    return change(c, "unpin", "is left to retention again", e);
}

int cmd_accept(struct cli *c, struct err *e)
{
    return change(c, "accept", "counts as good", e);
}
