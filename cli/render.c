#include "cli/render.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void screen_init(struct screen *s, bool json)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size = {0};

    *s = (struct screen){.json = json, .width = 80, .now = clock_wall()};
    s->terminal = !json && isatty(STDOUT_FILENO) == 1;
    s->colour =
        s->terminal && (no_colour == NULL || no_colour[0] == '\0') && !str_equal(term, "dumb");
    if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        s->width = size.ws_col;
    if (zone_load(NULL, &s->zone, NULL) < 0)
        s->zone = NULL; /* times are shown in UTC then */
}

void screen_deinit(struct screen *s)
{
    zone_free(s->zone);
    s->zone = NULL;
}

static const char *tint_on(const struct screen *s, enum tint t)
{
    static const char *const codes[] = {
        [PLAIN] = "",         [BOLD] = "\033[1m",    [DIM] = "\033[2m",
        [GREEN] = "\033[32m", [YELLOW] = "\033[33m", [RED] = "\033[1;31m"};

    return s->colour ? codes[t] : "";
}

static void put(const struct screen *s, enum tint t, const char *text)
{
    (void)printf("%s%s%s", tint_on(s, t), text, s->colour && t != PLAIN ? "\033[0m" : "");
}

/* Formatted and made printable; owned. */
static __attribute__((format(printf, 1, 0))) char *format(const char *fmt, va_list args)
{
    char *text = NULL;
    int len = vasprintf(&text, fmt, args);

    if (len < 0)
        abort(); /* as mem.h */
    char *shown = str_printable(text, (size_t)len);
    free(text);
    return shown;
}

void say(const struct screen *s, enum tint t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    _cleanup_free_ char *text = format(fmt, args);
    va_end(args);
    put(s, t, text);
}

void say_line(const struct screen *s, enum tint t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    _cleanup_free_ char *text = format(fmt, args);
    va_end(args);
    put(s, t, text);
    (void)putchar('\n');
}

void say_heading(const struct screen *s, const char *text)
{
    (void)putchar('\n');
    say_line(s, BOLD, "%s", text);
}

void say_text(const struct screen *s, const char *indent, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        say_line(s, PLAIN, "%s%.*s", len > 0 ? indent : "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

int64_t screen_seconds_since(const struct screen *s, const char *iso)
{
    struct wall t;

    if (iso == NULL || clock_parse_iso8601(iso, &t) < 0)
        return -1;
    return s->now.us > t.us ? (s->now.us - t.us) / 1000000 : 0;
}

const char *screen_age(const struct screen *s, const char *iso, char out[48])
{
    struct wall t;
    char span[32];

    if (iso == NULL || clock_parse_iso8601(iso, &t) < 0)
        (void)snprintf(out, 48, "never");
    else if (t.us > s->now.us)
        (void)snprintf(out, 48, "in %s", str_duration((t.us - s->now.us + 999999) / 1000000, span));
    else
        (void)snprintf(out, 48, "%s ago", str_duration((s->now.us - t.us) / 1000000, span));
    return out;
}

const char *screen_time(const struct screen *s, const char *iso, char out[48])
{
    struct wall t;

    if (iso == NULL || clock_parse_iso8601(iso, &t) < 0)
        (void)snprintf(out, 48, "-");
    else if (s->zone != NULL)
        (void)zone_format(s->zone, t, out);
    else
        (void)snprintf(out, 48, "%.10s %.5s UTC", iso, iso + 11);
    return out;
}

char *join_strings(const json_t *list, const char *between)
{
    char *joined = mem_strdup("");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        char *longer =
            mem_printf("%s%s%s", joined, i > 0 ? between : "", item != NULL ? item : "?");
        free(joined);
        joined = longer;
    }
    return joined;
}

void table_add(struct table *t, enum tint tint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    t->cells = mem_resize_array(t->cells, t->count + 1, sizeof(*t->cells));
    t->cells[t->count++] = (struct cell){text, tint};
}

/* Columns that a text takes: code points, as names and messages hold few wide ones. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct table *t, size_t column)
{
    size_t widest = width_of(t->titles[column]);

    for (size_t i = column; i < t->count; i += t->columns)
        if (width_of(t->cells[i].text) > widest)
            widest = width_of(t->cells[i].text);
    return widest;
}

static void print_cell(const struct screen *s, const struct table *t, size_t column, enum tint tint,
                       const char *text, size_t width)
{
    bool last = column + 1 == t->columns;

    put(s, tint, text);
    if (last)
        (void)putchar('\n');
    else if (s->terminal)
        (void)printf("%*s", (int)(width + 2 - width_of(text)), "");
    else
        (void)putchar('\t');
}

void table_print(const struct screen *s, struct table *t)
{
    _cleanup_free_ size_t *widths = mem_alloc(t->columns * sizeof(size_t));

    for (size_t column = 0; column < t->columns; column++)
        widths[column] = column_width(t, column);
    for (size_t i = 0; i < t->columns; i++) {
        if (i == 0 && s->terminal)
            (void)printf("%s", t->indent != NULL ? t->indent : "");
        print_cell(s, t, i, DIM, t->titles[i], widths[i]);
    }
    for (size_t i = 0, column = 0; i < t->count; i++) {
        if (column == 0 && s->terminal)
            (void)printf("%s", t->indent != NULL ? t->indent : "");
        print_cell(s, t, column, t->cells[i].tint, t->cells[i].text, widths[column]);
        free(t->cells[i].text);
        column = column + 1 < t->columns ? column + 1 : 0;
    }
    free(t->cells);
    t->cells = NULL;
    t->count = 0;
}
