#include "lib/config/reference.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/option.h"

static const char *const section_texts[SECTION_COUNT] = {
    [SECTION_DAEMON] = "The daemon as a whole.",
    [SECTION_ACCESS] = "Who may use the control socket beside root. Each option is a list of users "
                       "and of `@groups`.",
    [SECTION_DESTINATION] = "A place where backups lie. No two destinations share a path, and none "
                            "lies inside a source that is backed up to it.",
    [SECTION_SOURCE] = "Something to back up. A source that no job names is no error.",
    [SECTION_JOB] = "What is backed up together, where to, when, and how long it is kept."};

/* What an option is when left out, as one writes it; NULL where the help says so itself. */
static const char *default_of(const struct config_option *o)
{
    if (o->type == OPTION_COMPRESSION)
        return "gzip";
    return o->fallback;
}

static const char *form_of(const struct config_option *o, char **owned)
{
    if (o->words == NULL)
        return o->form;
    struct buf words = BUF_INIT(1024);
    for (const char *p = o->words; *p != '\0'; p++)
        if (buf_append(&words, *p == '|' ? " | " : p, *p == '|' ? 3 : 1, NULL) < 0)
            abort(); /* no list of words is that long */
    return *owned = buf_take_string(&words);
}

/* ---- text ---- */

static int text_option(const struct config_option *o, struct buf *out, struct err *e)
{
    _cleanup_free_ char *words = NULL, *only = config_option_types(o);
    const char *fallback = default_of(o);

    if (buf_printf(out, e, "  %s = %s\n      %s", o->key, form_of(o, &words), o->help) < 0)
        return -1;
    if (only != NULL && buf_printf(out, e, "; type %s", only) < 0)
        return -1;
    if (config_option_format(o) != NULL &&
        buf_printf(out, e, "; format %s", config_option_format(o)) < 0)
        return -1;
    if (o->needed)
        return buf_printf(out, e, "; must be written\n");
    return fallback != NULL ? buf_printf(out, e, "; default: %s\n", fallback)
                            : buf_printf(out, e, "\n");
}

static int text_section(enum section_kind kind, struct buf *out, struct err *e)
{
    if (buf_printf(out, e, "%s[%s%s]\n", out->len > 0 ? "\n" : "", section_word(kind),
                   section_has_name(kind) ? " NAME" : "") < 0)
        return -1;
    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section == kind &&
            text_option(&config_option_table[i], out, e) < 0)
            return -1;
    return 0;
}

/* ---- mdoc ---- */

enum { MAN_COLUMNS = 78 };

/* Whether the line ends at this blank: after a sentence, as mdoc wants it, or when it is full. */
static bool breaks_line(const char *text, const char *blank, size_t column)
{
    size_t word = strcspn(blank + 1, " ");

    if (column + 1 + word + 6 > MAN_COLUMNS) /* 6: the word's escapes */
        return true;
    return blank > text && blank[-1] == '.' &&
           ((blank[1] >= 'A' && blank[1] <= 'Z') || blank[1] == '`');
}

/* What stands for this character in running text; NULL: itself. */
static const char *man_escape(char c, bool line_start, bool *typed)
{
    switch (c) {
    case '`':
        *typed = !*typed;
        return *typed ? "\\fB" : "\\fR";
    case '\\':
        return "\\e";
    case '-':
        return "\\-";
    case '~':
        return "\\(ti";
    case '.':
        return line_start ? "\\&." : NULL; /* else a macro */
    case '\'':
        return line_start ? "\\&'" : NULL;
    default:
        return NULL;
    }
}

static int man_text(const char *text, struct buf *out, struct err *e)
{
    size_t start = out->len; /* of the line */
    bool typed = false;

    for (const char *p = text; *p != '\0'; p++) {
        bool line_start = out->len == start;
        const char *s = man_escape(*p, line_start, &typed);
        if (*p == ' ' && breaks_line(text, p, out->len - start))
            s = "\n";
        if ((s != NULL ? buf_append(out, s, strlen(s), e) : buf_append(out, p, 1, e)) < 0)
            return -1;
        if (s != NULL && s[0] == '\n')
            start = out->len;
    }
    return 0;
}

/* The form in an .It line: as one argument, since "|" alone is punctuation there. */
static int man_form(const char *form, struct buf *out, struct err *e)
{
    return buf_printf(out, e, " = Ar \"%s\"\n", form);
}

static int man_help(const struct config_option *o, struct buf *out, struct err *e)
{
    _cleanup_free_ char *sentence = mem_printf("%s.", o->help);

    if (sentence[0] >= 'a' && sentence[0] <= 'z')
        sentence[0] = (char)(sentence[0] - 'a' + 'A');
    if (man_text(sentence, out, e) < 0 || buf_append(out, "\n", 1, e) < 0)
        return -1;
    if (o->man != NULL && (man_text(o->man, out, e) < 0 || buf_append(out, "\n", 1, e) < 0))
        return -1;
    return 0;
}

/* The words "s3 and sftp" of "For type s3 and sftp.", each typed. */
static int man_types(const char *types, struct buf *out, struct err *e)
{
    const char *between = strstr(types, " and ");

    if (between == NULL)
        return buf_printf(out, e, "For type\n.Cm %s .\n", types);
    return buf_printf(out, e, "For types\n.Cm %.*s\nand\n.Cm %s .\n", (int)(between - types), types,
                      between + strlen(" and "));
}

static int man_option(const struct config_option *o, struct buf *out, struct err *e)
{
    _cleanup_free_ char *words = NULL, *fallback = NULL, *example = NULL;
    _cleanup_free_ char *only = config_option_types(o);

    if (buf_printf(out, e, ".It Ic %s", o->key) < 0 || man_form(form_of(o, &words), out, e) < 0 ||
        man_help(o, out, e) < 0)
        return -1;
    if (only != NULL && man_types(only, out, e) < 0)
        return -1;
    if (config_option_format(o) != NULL &&
        buf_printf(out, e, "For format\n.Cm %s .\n", config_option_format(o)) < 0)
        return -1;
    if (o->needed && buf_printf(out, e, "Must be written.\n") < 0)
        return -1;
    if (default_of(o) != NULL)
        fallback = mem_printf("Default: `%s`.", default_of(o));
    if (fallback != NULL && (man_text(fallback, out, e) < 0 || buf_append(out, "\n", 1, e) < 0))
        return -1;
    if (o->example == NULL)
        return 0;
    example = mem_printf("Example: `%s = %s`", o->key, o->example);
    if (man_text(example, out, e) < 0)
        return -1;
    return buf_append(out, "\n", 1, e);
}

static int man_section(enum section_kind kind, struct buf *out, struct err *e)
{
    if (buf_printf(out, e, ".Ss [%s%s]\\&\n", section_word(kind),
                   section_has_name(kind) ? " NAME" : "") < 0 ||
        man_text(section_texts[kind], out, e) < 0 ||
        buf_printf(out, e, "\n.Bl -tag -width Ds\n") < 0)
        return -1;
    for (size_t i = 0; i < config_option_count; i++)
        if (config_option_table[i].section == kind &&
            man_option(&config_option_table[i], out, e) < 0)
            return -1;
    return buf_printf(out, e, ".El\n");
}

int config_reference(enum reference_form form, struct buf *out, struct err *e)
{
    for (int kind = 0; kind < SECTION_COUNT; kind++) {
        int r = form == REFERENCE_MAN ? man_section((enum section_kind)kind, out, e)
                                      : text_section((enum section_kind)kind, out, e);
        if (r < 0)
            return -1;
    }
    return 0;
}
