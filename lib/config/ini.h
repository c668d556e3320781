/* ini.h — the INI dialect, line by line. Knows nothing of what the keys mean.
 *
 *   [type]  [type name]      a section; blanks around and inside the brackets do not matter
 *   key = value              up to the end of the line, blanks at both ends dropped
 *   # text, ; text           a comment, where it begins a line
 *   key = value  # text      a comment too: `#` after a blank. `;` is a comment only in front
 *   "..."                    double quotes group, anywhere in a value, and are not part of it:
 *                            blanks at the ends and ` #` are literal inside; \" and \\ are " and \
 *   ... \                    a backslash at the end of a line: the next one goes on, joined by a
 *                            blank; comment lines in between are skipped
 *
 * Lines end with LF or CR LF. The text is UTF-8 without control characters other than tab;
 * a byte order mark in front is skipped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
    INI_FILE_MAX = 1 << 20,  /* bytes of one file */
    INI_LINE_MAX = 64 << 10, /* bytes of one line with its continuations */
    INI_VALUE_MAX = 16 << 10 /* bytes of one value as written; printing one may quote it */
};

struct ini {
    const char *text; /* borrowed */
    size_t len, pos;
    int line;           /* of the last item or error */
    int next_line;      /* number of the line at pos */
    struct buf content; /* the logical line that the item below points into */
};

enum ini_kind { INI_SECTION, INI_KEY };

struct ini_item { /* valid until the next call */
    enum ini_kind kind;
    const char *name;  /* key, or type of the section */
    const char *value; /* raw value (ini_unquote or strlist_split takes the quotes off), or name of
                          the section: NULL if it has none */
};

void ini_init(struct ini *i, const void *text, size_t len);
void ini_deinit(struct ini *i);
/* 0: an item; its line is i->line. 1: the end. -1: ERR_CONFIG, line i->line is wrong; the next call
 * goes on behind it. */
int must_check ini_next(struct ini *i, struct ini_item *ret, struct err *e);

/* A raw value as one text: quotes taken off. ERR_CONFIG if a quote is not closed. Owned. */
int must_check ini_unquote(const char *raw, char **ret, struct err *e);
/* The reverse: append `text` so that ini_unquote, or as a word strlist_split, gives it back. */
int must_check ini_quote(struct buf *out, const char *text, bool word, struct err *e);
