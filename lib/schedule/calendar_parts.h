/* calendar_parts.h — what the files of lib/schedule share about compiled calendars.
 *
 * All three notations compile into struct calendar; calendar.c alone evaluates it. */
#pragma once

#include "lib/schedule/calendar.h"

struct calendar {
    uint64_t minutes;   /* bits 0..59 */
    uint32_t hours;     /* bits 0..23 */
    uint32_t days;      /* bits 1..31 */
    uint16_t months;    /* bits 1..12 */
    uint8_t weekdays;   /* bits 0..6, 0 is Sunday */
    bool elapsed;       /* the hour is `*` or has a step: fires in both hours of a fold */
    bool either_day;    /* cron: day of month OR day of week is enough; else both must fit */
    bool last_if_short; /* a day that the month lacks is its last day */
};

enum {
    ALL_DAYS_OF_WEEK = 0x7f,
    ALL_MONTHS = 0x1ffe,
};
#define ALL_DAYS    0xfffffffeU
#define ALL_HOURS   0xffffffU
#define ALL_MINUTES 0xfffffffffffffffULL

/* One field of numbers: lists of values, ranges and steps. */
struct calendar_field {
    const char *what;         /* "hour", for errors */
    int min, max;             /* of the values, at most 63 */
    const char *const *names; /* names[0] is the value first_name; full words, or NULL */
    int name_count, first_name;
    const char *range;    /* what stands between the ends of a range */
    bool step_from_value; /* A/N is A, A+N, ... to the end */
    bool wraps;           /* Fri..Mon goes over the end of the week */
};

extern const char *const calendar_weekdays[7]; /* "sunday" first */
extern const char *const calendar_months[12];

/* Set the bits that `text` names; *varies (may be NULL) says whether a `*` or a step is in it. */
int must_check calendar_field_parse(const struct calendar_field *f, const char *text, uint64_t *ret,
                                    bool *varies, struct err *e);
/* The value a word stands for: a full name or its first three letters, any case; -1 if none. */
int calendar_name(const struct calendar_field *f, const char *word, size_t len);
/* Exactly one or two digits up to `max`. */
bool calendar_two_digits(const char **p, int max, int *ret);

/* The text behind "at", "cron" and "on". */
int must_check calendar_at_parse(const char *text, int tier, struct calendar *ret, struct err *e);
int must_check calendar_cron_parse(const char *text, struct calendar *ret, struct err *e);
int must_check calendar_expression_parse(const char *text, struct calendar *ret, struct err *e);
