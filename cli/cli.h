/* cli.h — what every command of synbakctl is given, and what it returns.
 *
 * A command is one blocking function, found through commands.def. It prints its result on stdout
 * through c->screen and returns an exit status (design: 0 done, 3 incomplete, 4 late, ...), or -1
 * with *e filled; main prints that once, as one sentence on stderr. */
#pragma once

#include "cli/args.h"
#include "cli/client.h"
#include "cli/render.h"
#include "lib/config/config.h"

struct cli {
    const struct args *args;
    struct screen screen;
    struct client *client; /* NULL until cli_connect */
    struct config *config; /* NULL until cli_load_config */
};

/* Exit statuses that are no errors (err.h has the others). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_INCOMPLETE = 3, EXIT_LATE = 4, EXIT_NO_DAEMON = 3 };

/* Connect to the daemon. ERR_NO_DAEMON when nobody answers. */
int must_check cli_connect(struct cli *c, struct err *e);
/* As cli_connect, but 1 when nobody answers. */
int must_check cli_connect_optional(struct cli *c, struct err *e);
/* Connect if need be, call, return the result (new reference). Takes params (NULL: none). A job or
 * set that is not known is answered with the nearest name and how to list them. */
int must_check cli_call(struct cli *c, const char *method, json_t *params, json_t **ret,
                        struct err *e);
/* "list", page by page: {"sets":[SETSTATUS]}. params (taken) is an object. */
int must_check cli_list(struct cli *c, json_t *params, json_t **ret, struct err *e);
/* --config FILE, else the default; kept in c->config. */
const char *cli_config_file(const struct cli *c); /* --config, $SYNBAK_CONFIG, the usual one */
int must_check cli_load_config(struct cli *c, struct err *e);
/* After ERR_NO_DAEMON in *e: is there a configuration that says where to look? -1: *e has the nearer reason. */
int must_check cli_load_config_instead(struct cli *c, struct err *e);

/* With --json: print the value (borrowed) and return true. */
bool cli_json(const struct cli *c, const json_t *value);
/* {"reason": --reason} if given, to be extended. New reference. */
json_t *cli_params(const struct cli *c);

/* Every command's function, cmd_ID of commands.def. */
#define COMMAND(id, words, args, role, min, max, completes, help, detail) command_fn cmd_##id;
#define OPTION(id, name, value, completes, help)
#include "cli/commands.def"
