/* render.h — what people read: colours on a terminal, aligned tables there and tabs in a pipe,
 * ages, sizes. Everything printed through here has its control characters shown as \xHH, so that a
 * name from outside cannot drive the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/schedule/calendar.h"

enum tint { PLAIN, BOLD, DIM, GREEN, YELLOW, RED };

struct screen {
    bool terminal; /* stdout is one */
    bool colour;   /* and NO_COLOR is not set */
    bool json;
    int width;         /* columns of the terminal */
    struct wall now;   /* when the command began: ages are against it */
    struct zone *zone; /* of this machine; NULL: UTC */
};

void screen_init(struct screen *s, bool json);
void screen_deinit(struct screen *s);

/* A piece of a line; a whole line. */
void say(const struct screen *s, enum tint t, const char *fmt, ...) printf_like(3, 4);
void say_line(const struct screen *s, enum tint t, const char *fmt, ...) printf_like(3, 4);
/* A bold line behind an empty one. */
void say_heading(const struct screen *s, const char *text);
/* A text of several lines, each behind `indent`. */
void say_text(const struct screen *s, const char *indent, const char *text);

/* "12 min ago", "in 2 h 05 min", "never" for a time that is not there. */
const char *screen_age(const struct screen *s, const char *iso, char out[48]);
/* "2026-11-20 14:30 CET", "-" for none. */
const char *screen_time(const struct screen *s, const char *iso, char out[48]);
int64_t screen_seconds_since(const struct screen *s, const char *iso); /* -1: no time */
/* "a, b" of an array of strings; owned. */
char *join_strings(const json_t *list, const char *between);

struct table {
    const char *const *titles; /* borrowed */
    size_t columns;
    const char *indent;
    struct cell {
        char *text;
        enum tint tint;
    } * cells;
    size_t count;
};

/* Cells are added row by row; the last column is never padded. */
void table_add(struct table *t, enum tint tint, const char *fmt, ...) printf_like(3, 4);
void table_print(const struct screen *s, struct table *t); /* and empties it */
