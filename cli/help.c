/* help.c — usage texts and the manual page's command list, both from the table. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/base/str.h"
#include "lib/protocol/role.h"

enum { TEXT_WIDTH = 78 };

static bool hidden(const struct command_spec *c)
{
    return str_starts(c->words, "__");
}

/* Words wrapped at TEXT_WIDTH, every line but the first behind `indent` blanks. */
static void print_wrapped(const char *text, size_t indent, size_t column)
{
    bool blank = false; /* one is due before the next word */

    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column + word >= TEXT_WIDTH && blank) {
            (void)printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (blank) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)word, text);
        column += word;
        text += word;
        if (*text == ' ')
            text++;
        blank = true;
    }
    (void)printf("\n");
}

static void print_option(const struct option_spec *o)
{
    char name[48];
    int len = snprintf(name, sizeof(name), "%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");

    (void)printf("  %-26s ", name);
    if (len > 26)
        (void)printf("\n%29s", "");
    print_wrapped(o->help, 29, 29);
}

/* Whose options are told together: the command's own, those of a PLACE, those of all. */
enum option_group { GROUP_OWN, GROUP_PLACE, GROUP_ANY };

static bool in_group(const struct option_spec *o, const struct command_spec *c,
                     enum option_group group)
{
    enum option_group its = o->command == CMD_ANY     ? GROUP_ANY
                            : o->command == CMD_PLACE ? GROUP_PLACE
                                                      : GROUP_OWN;

    return its == group && (c == NULL || option_belongs(o, c));
}

static void print_options(const struct command_spec *c, enum option_group group)
{
    for (size_t i = 0; i < option_count; i++)
        if (in_group(&option_table[i], c, group))
            print_option(&option_table[i]);
}

static void print_command(const struct command_spec *c)
{
    (void)printf("Usage: synbakctl %s%s%s [OPTION]...\n\n", c->words, c->args[0] != '\0' ? " " : "",
                 c->args);
    (void)printf("%s.\n", c->help);
    if (c->detail[0] != '\0')
        print_wrapped(c->detail, 0, 0);
    if (c->role != ROLE_NONE)
        (void)printf("synbakd asks for the role \"%s\".\n", role_word(c->role));
    (void)printf("\nOptions:\n");
    print_options(c, GROUP_OWN);
    print_options(c, GROUP_PLACE);
    print_options(c, GROUP_ANY);
}

void help_print(const struct command_spec *command)
{
    if (command != NULL && !hidden(command)) {
        print_command(command);
        return;
    }
    (void)printf("Usage: synbakctl COMMAND [OPTION]...\n\n"
                 "Looks after backups made by synbakd, and brings them back.\n\nCommands:\n");
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!hidden(&command_table[i])) {
            (void)printf("  %-15s ", command_table[i].words);
            print_wrapped(command_table[i].help, 18, 18);
        }
    (void)printf("\nOptions of every command:\n");
    print_options(NULL, GROUP_ANY);
    (void)printf("\nJOB may be left out when there is one. JOB means JOB/latest, the newest good\n"
                 "set. Of one command: synbakctl COMMAND --help. The manual: man synbakctl.\n");
}

/* mdoc: a word that begins with a dot or a quote would be a macro. */
static void print_roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            (void)fputs("\\-", stdout);
        else if (*text == '\\')
            (void)fputs("\\e", stdout);
        else if (*text == ' ' && (text[-1] == '.' || text[-1] == ':') && text[1] >= 'A' &&
                 text[1] <= 'Z')
            (void)fputc('\n', stdout); /* a sentence a line, as mdoc wants it */
        else
            (void)fputc(*text, stdout);
    }
}

static void print_roff_option(const struct option_spec *o)
{
    (void)printf(".It Fl \\-%s", o->name + 2);
    if (o->value != NULL) {
        (void)printf(" Ar ");
        print_roff(o->value);
    }
    (void)printf("\n");
    print_roff(o->help);
    (void)printf(".\n");
}

static void print_roff_options(const struct command_spec *c, enum option_group group)
{
    bool any = false;

    for (size_t i = 0; i < option_count; i++) {
        const struct option_spec *o = &option_table[i];
        if (!in_group(o, c, group))
            continue;
        if (!any)
            (void)printf(".Bl -tag -width Ds\n");
        any = true;
        print_roff_option(o);
    }
    if (any)
        (void)printf(".El\n");
}

/* What docs/man/synbakctl.1 holds between its two marks; a test compares. */
int cmd_manual(struct cli *c, struct err *e)
{
    (void)c;
    (void)e;
    (void)printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; i < CMD_COUNT; i++) {
        const struct command_spec *command = &command_table[i];
        if (hidden(command))
            continue;
        (void)printf(".It Cm %s", command->words);
        if (command->args[0] != '\0') {
            (void)printf(" Ar ");
            print_roff(command->args);
        }
        (void)printf("\n");
        print_roff(command->help);
        (void)printf(".\n");
        if (command->detail[0] != '\0') {
            print_roff(command->detail);
            (void)printf("\n");
        }
        if (command->role != ROLE_NONE)
            (void)printf("Role: %s.\n", role_word(command->role));
        print_roff_options(command, GROUP_OWN);
    }
    (void)printf(".El\n.Pp\nOptions of every command that takes a\n.Ar PLACE\n"
                 "(a folder's path,\n.Ar s3://BUCKET/PREFIX\nor\n"
                 ".Ar sftp://USER@HOST[:PORT]/PATH ) :\n");
    print_roff_options(NULL, GROUP_PLACE);
    (void)printf(".Pp\nOptions of every command:\n");
    print_roff_options(NULL, GROUP_ANY);
    return EXIT_DONE;
}
