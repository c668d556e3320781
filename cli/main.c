/* main.c — synbakctl: parse, run the command, print its one error.
 *
 * The happy path is: args_parse finds the command in the table, its function talks to synbakd or
 * starts a worker, prints, and returns the exit status. A failure comes back here once, as one
 * sentence; with --json it stands on stdout too. A command whose output cannot be written
 * has failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/base/secret.h"

static int report(const struct cli *c, const struct err *e)
{
    _cleanup_free_ char *text = str_printable(e->text, strlen(e->text));
    int status = err_exit_status(e->code);

    if (e->code == ERR_NO_DAEMON && c->args->command == &command_table[CMD_status])
        status = EXIT_NO_DAEMON;
    if (c->screen.json) {
        _cleanup_json_ json_t *value =
            json_pack("{s:{s:s, s:s, s:i}}", "error", "code", err_word(e->code), "message", text,
                      "exit", status);
        (void)cli_json(c, value);
    }
    (void)fflush(stdout);
    (void)fprintf(stderr, "synbakctl: %s\n", text);
    return status;
}

static int run(struct cli *c, struct err *e)
{
    if (args_has(c->args, "--version")) {
        (void)printf("synbakctl %s\n", SYNBAK_VERSION);
        return EXIT_DONE;
    }
    if (args_has(c->args, "--help")) {
        help_print(c->args->command);
        return EXIT_DONE;
    }
    return c->args->command->run(c, e);
}

int main(int argc, char **argv)
{
    struct args args;
    struct err e = {0};
    struct cli c = {.args = &args};

    json_secure_memory();
    secret_harden_process();
    int rc = args_parse(argc, argv, &args, &e);
    screen_init(&c.screen, args_has(&args, "--json"));
    int status = rc < 0 ? -1 : run(&c, &e);
    if (status >= 0 && (fflush(stdout) != 0 || ferror(stdout) != 0))
        status = err_sys(&e, ERR_IO, errno, "write to standard output");
    if (status < 0)
        status = report(&c, &e);
    client_close(c.client);
    config_unref(c.config);
    screen_deinit(&c.screen);
    args_deinit(&args);
    return status;
}
