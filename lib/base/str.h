/* str.h — lists of strings, numbers from text, names made safe to print or store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct strlist {
    char **items; /* owned, each owned; items[count] is NULL, so it serves as an argv */
    size_t count;
};

void strlist_add(struct strlist *list, const char *s); /* copies */
void strlist_take(struct strlist *list, char *s);      /* takes */
void strlist_addf(struct strlist *list, const char *fmt, ...) printf_like(2, 3);
void strlist_deinit(struct strlist *list); /* wipes and frees; NULL-safe */
bool strlist_contains(const struct strlist *list, const char *s);
/* Split at runs of blanks and tabs; "double quotes" group, \" and \\ inside them. */
int must_check strlist_split(struct strlist *list, const char *text, struct err *e);

bool str_equal(const char *a, const char *b); /* NULLs are equal to each other only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Whole string, decimal, inside [min, max]; anything else is ERR_FORMAT. */
int must_check str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret, struct err *e);
/* "10", "64K", "2M", "3G", "1T" (powers of 1024, optional "iB"/"B"). */
int must_check str_to_bytes(const char *s, uint64_t *ret, struct err *e);
/* "90", "90s", "15min", "2h", "7d", "4w", "1y", and sums such as "1h 30min"; seconds. */
int must_check str_to_seconds(const char *s, int64_t *ret, struct err *e);

/* Human text into `out`, always terminated: "1.4 GB" is decimal as df -H prints it. */
const char *str_bytes(uint64_t bytes, char out[16]);
const char *str_duration(int64_t seconds, char out[32]); /* "2 h 05 min" */

/* Copy with control characters (C0, DEL, C1), invalid UTF-8 and bidi overrides shown as \xHH or
 * \uHHHH, so that a name from outside cannot forge a line or drive a terminal. Owned result. */
char *str_printable(const char *s, size_t len);
bool str_is_utf8(const char *s, size_t len);

/* Names of jobs, sources and destinations: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}, never "latest". */
bool str_is_name(const char *s);
/* RFC 3986 percent-encoding of everything but unreserved characters: names in file names. */
char *str_percent_encode(const char *s);
/* One word for a shell, in single quotes if it needs any. Owned. */
char *str_shell_quote(const char *s);
/* The candidate nearest to `word` by edit distance, if close enough to suggest, else NULL. */
const char *str_nearest(const char *word, const char *const *candidates, size_t count);

void hex_encode(const uint8_t *data, size_t len, char *out);          /* writes 2*len+1 */
int must_check hex_decode(const char *hex, uint8_t *out, size_t len); /* exact length, else -1 */

/* Shell-style match of one name: * ? [...], no special slash. */
bool str_match(const char *pattern, const char *name);
