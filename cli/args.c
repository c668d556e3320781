/* args.c — parsing by the table. Options may stand anywhere; "--" ends them; --name=value and
 * --name value are the same. */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

const struct command_spec command_table[CMD_COUNT] = {
#define COMMAND(id, words, args, role, min, max, completes, help, detail)                          \
    {words, args, role, min, max, completes, cmd_##id, help, detail},
#define OPTION(id, name, value, completes, help)
#include "cli/commands.def"
};

const struct option_spec option_table[] = {
#define COMMAND(id, words, args, role, min, max, completes, help, detail)
#define OPTION(id, name, value, completes, help) {CMD_##id, name, value, completes, help},
#include "cli/commands.def"
};
const size_t option_count = ARRAY_LEN(option_table);

static bool takes_place(const struct command_spec *c)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].command < CMD_COUNT && &command_table[option_table[i].command] == c &&
            str_equal(option_table[i].value, "NAME|PLACE"))
            return true;
    return false;
}

static bool is_own(const struct option_spec *o, const struct command_spec *c)
{
    return o->command < CMD_COUNT && c != NULL && &command_table[o->command] == c;
}

/* A command's own option of a name hides that of every place. */
static bool is_hidden(const char *name, const struct command_spec *c)
{
    for (size_t i = 0; i < option_count; i++)
        if (is_own(&option_table[i], c) && strcmp(option_table[i].name, name) == 0)
            return true;
    return false;
}

bool option_belongs(const struct option_spec *o, const struct command_spec *c)
{
    if (o->command == CMD_PLACE)
        return c != NULL && takes_place(c) && !is_hidden(o->name, c);
    return o->command == CMD_ANY || is_own(o, c);
}

/* The nearest of all first words and of the second words behind `first`. */
static int unknown_command(const char *first, const char *second, struct err *e)
{
    const char *words[CMD_COUNT + 1];
    size_t count = 0;
    _cleanup_free_ char *given =
        mem_printf("%s%s%s", first, second != NULL ? " " : "", second != NULL ? second : "");
    _cleanup_free_ char *shown = str_printable(given, strlen(given));

    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!str_starts(command_table[i].words, "__"))
            words[count++] = command_table[i].words;
    const char *near = str_nearest(given, words, count);
    if (near == NULL)
        near = str_nearest(first, words, count);
    if (near != NULL)
        return err_set(e, ERR_USAGE, "\"%s\" is no command; did you mean \"%s\"?", shown, near);
    return err_set(e, ERR_USAGE, "\"%s\" is no command (all of them: synbakctl --help)", shown);
}

const struct command_spec *args_find_command(const char *const *words, size_t count, size_t *used)
{
    for (size_t i = 0; i < CMD_COUNT; i++) {
        const char *name = command_table[i].words, *space = strchr(name, ' ');
        if (space == NULL) {
            *used = 1;
            if (strcmp(words[0], name) == 0)
                return &command_table[i];
        } else if (count > 1 && strlen(words[0]) == (size_t)(space - name) &&
                   strncmp(words[0], name, (size_t)(space - name)) == 0 &&
                   strcmp(words[1], space + 1) == 0) {
            *used = 2;
            return &command_table[i];
        }
    }
    return NULL;
}

const struct option_spec *args_find_option(const struct command_spec *c, const char *name,
                                           size_t len)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_belongs(&option_table[i], c) && strlen(option_table[i].name) == len &&
            strncmp(option_table[i].name, name, len) == 0)
            return &option_table[i];
    return NULL;
}

/* Whether the option wants a value: by the command, if the words so far name one, else by whichever
 * command knows it. */
static bool takes_value(const char *name, const char *const *words, size_t count)
{
    size_t used;
    const struct command_spec *c = count > 0 ? args_find_command(words, count, &used) : NULL;

    for (size_t i = 0; i < option_count; i++)
        if (strcmp(option_table[i].name, name) == 0 &&
            (c == NULL || option_belongs(&option_table[i], c)))
            return option_table[i].value != NULL;
    return false;
}

static int unknown_option(const struct command_spec *c, const char *arg, size_t len, struct err *e)
{
    const char *names[64];
    size_t count = 0;
    _cleanup_free_ char *name = mem_strndup(arg, len);
    _cleanup_free_ char *shown = str_printable(name, strlen(name));
    const char *words = c != NULL ? c->words : "";

    for (size_t i = 0; i < option_count && count < ARRAY_LEN(names); i++)
        if (option_belongs(&option_table[i], c))
            names[count++] = option_table[i].name;
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        return err_set(e, ERR_USAGE, "%s%sno option %s; did you mean %s?", words,
                       c != NULL ? ": " : "", shown, near);
    return err_set(e, ERR_USAGE, "%s%sno option %s (see: synbakctl %s%s--help)", words,
                   c != NULL ? ": " : "", shown, words, c != NULL ? " " : "");
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] == '-' && arg[2] != '\0';
}

static int add_option(struct args *a, int argc, char **argv, int *i, struct err *e)
{
    const char *arg = argv[*i], *equals = strchr(arg, '='), *value = NULL;
    size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct option_spec *o = args_find_option(a->command, arg, len);

    if (o == NULL)
        return unknown_option(a->command, arg, len, e);
    if (o->value == NULL && equals != NULL)
        return err_set(e, ERR_USAGE, "%s takes no value", o->name);
    if (o->value != NULL) {
        value = equals != NULL ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
        if (value == NULL || value[0] == '\0' || (equals == NULL && is_option(value)))
            return err_set(e, ERR_USAGE, "%s needs a value: %s %s", o->name, o->name, o->value);
    }
    a->given = mem_resize_array(a->given, a->given_count + 1, sizeof(*a->given));
    a->given[a->given_count].option = o;
    a->given[a->given_count++].value = value;
    return 0;
}

/* The words that are no options: they name the command before any option can be understood. */
static size_t collect_words(int argc, char **argv, const char **words)
{
    size_t count = 0;
    bool ended = false;

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!ended && strcmp(arg, "--") == 0) {
            ended = true;
        } else if (!ended && is_option(arg)) {
            if (i + 1 < argc && !is_option(argv[i + 1]) && takes_value(arg, words, count))
                i++;
        } else if (ended || strcmp(arg, "-h") != 0) {
            words[count++] = arg;
        }
    }
    words[count] = NULL;
    return count;
}

static int collect_options(struct args *a, int argc, char **argv, struct err *e)
{
    static char help[] = "--help";

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-h") == 0)
            argv[i] = help;
        if (is_option(argv[i]) && add_option(a, argc, argv, &i, e) < 0)
            return -1;
    }
    return 0;
}

static int check_operands(const struct args *a, struct err *e)
{
    const struct command_spec *c = a->command;

    for (const char **word = a->operands; *word != NULL && !str_starts(c->words, "__"); word++)
        if ((*word)[0] == '-' && (*word)[1] != '\0')
            return unknown_option(c, *word, strlen(*word), e);
    if (a->operand_count >= c->min && a->operand_count <= c->max)
        return 0;
    if (a->operand_count > c->max) {
        const char *extra = a->operands[c->max];
        _cleanup_free_ char *shown = str_printable(extra, strlen(extra));
        return err_set(e, ERR_USAGE, "%s: \"%s\" is one word too many (usage: synbakctl %s%s%s)",
                       c->words, shown, c->words, c->args[0] != '\0' ? " " : "", c->args);
    }
    return err_set(e, ERR_USAGE, "%s needs more (usage: synbakctl %s %s)", c->words, c->words,
                   c->args);
}

int args_parse(int argc, char **argv, struct args *ret, struct err *e)
{
    size_t used = 0;

    *ret = (struct args){.operands = mem_alloc(((size_t)argc + 1) * sizeof(char *))};
    size_t count = collect_words(argc, argv, ret->operands);
    if (count > 0) {
        ret->command = args_find_command(ret->operands, count, &used);
        if (ret->command == NULL)
            return unknown_command(ret->operands[0], count > 1 ? ret->operands[1] : NULL, e);
        ret->operand_count = count - used;
        memmove(ret->operands, ret->operands + used, (count - used + 1) * sizeof(char *));
    }
    if (collect_options(ret, argc, argv, e) < 0)
        return -1;
    if (args_has(ret, "--help") || args_has(ret, "--version"))
        return 0;
    if (ret->command == NULL)
        return err_set(e, ERR_USAGE, "no command given (all of them: synbakctl --help)");
    return check_operands(ret, e);
}

void args_deinit(struct args *a)
{
    free(a->operands);
    free(a->given);
    *a = (struct args){0};
}

const char *args_value(const struct args *a, const char *name)
{
    for (size_t i = a->given_count; i > 0; i--)
        if (strcmp(a->given[i - 1].option->name, name) == 0)
            return a->given[i - 1].value;
    return NULL;
}

size_t args_count(const struct args *a, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < a->given_count; i++)
        count += strcmp(a->given[i].option->name, name) == 0;
    return count;
}

bool args_has(const struct args *a, const char *name)
{
    return args_count(a, name) > 0;
}

json_t *args_values(const struct args *a, const char *name)
{
    json_t *list = json_array();

    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, name) == 0)
            json_array_append_new(list, json_printable(a->given[i].value));
    return list;
}

const char *args_operand(const struct args *a, size_t i)
{
    return i < a->operand_count ? a->operands[i] : NULL;
}
