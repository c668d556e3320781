/* args.h — the command line against the one table of commands and options (commands.def).
 *
 * Nothing is copied: a struct args borrows argv. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/protocol/control_msg.h"

struct cli;
typedef int command_fn(struct cli *c, struct err *e);

/* What a shell may offer for an operand or an option's value. */
enum completes { C_NONE, C_JOB, C_SET, C_DESTINATION, C_SOURCE, C_TIER, C_FILE, C_RUN, C_SHELL };

enum command_id {
#define COMMAND(id, words, args, role, min, max, completes, help, detail) CMD_##id,
#define OPTION(id, name, value, completes, help)
#include "cli/commands.def"
    CMD_COUNT,
    CMD_ANY = CMD_COUNT, /* options of every command */
    CMD_PLACE            /* options of every command that takes a PLACE (cli/bare_place.h) */
};

struct command_spec {
    const char *words; /* "trigger", "key check" */
    const char *args;  /* "[JOB]" for the usage line */
    enum role role;    /* that the daemon asks for; ROLE_NONE: needs no daemon */
    size_t min, max;   /* operands */
    enum completes completes;
    command_fn *run;
    const char *help;   /* one line */
    const char *detail; /* more sentences, may be "" */
};

struct option_spec {
    enum command_id command;
    const char *name;  /* "--wait" */
    const char *value; /* "REASON", NULL for a flag */
    enum completes completes;
    const char *help;
};

extern const struct command_spec command_table[CMD_COUNT];
extern const struct option_spec option_table[];
extern const size_t option_count;

struct args {
    const struct command_spec *command; /* NULL with --help or --version alone */
    const char **operands;              /* owned array of borrowed strings, NULL at the end */
    size_t operand_count;
    struct {
        const struct option_spec *option;
        const char *value; /* NULL for a flag */
    } * given;
    size_t given_count;
};

/* ERR_USAGE with one sentence that names the nearest command or option. With --help, --version and
 * -h the counts of operands are not checked. */
int must_check args_parse(int argc, char **argv, struct args *ret, struct err *e);
void args_deinit(struct args *a);

/* `name` must be in the table for this command. */
bool args_has(const struct args *a, const char *name);
const char *args_value(const struct args *a, const char *name); /* the last one, or NULL */
json_t *args_values(const struct args *a, const char *name);    /* array, new reference */
size_t args_count(const struct args *a, const char *name);
const char *args_operand(const struct args *a, size_t i); /* or NULL */

/* The command that the words (at least one) begin with, or NULL; *used: how many name it. */
const struct command_spec *args_find_command(const char *const *words, size_t count, size_t *used);
/* The command's (NULL: every command's) option of this name of `len` bytes, or NULL. */
const struct option_spec *args_find_option(const struct command_spec *c, const char *name,
                                           size_t len);
bool option_belongs(const struct option_spec *o, const struct command_spec *c);
/* Usage of one command, or of all when it is NULL, on stdout. */
void help_print(const struct command_spec *command);
