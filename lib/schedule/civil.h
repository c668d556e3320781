/* civil.h — dates of the proleptic Gregorian calendar, without any zone. Pure. */
#pragma once

#include <stdint.h>

struct civil {
    int year;
    int month;   /* 1..12 */
    int day;     /* 1..31 */
    int weekday; /* 0 is Sunday */
};

enum { DAY_S = 86400 };

/* Days since 1970-01-01; month 1..12, day 1..31. */
int64_t civil_to_days(int64_t year, int month, int day);
struct civil civil_from_days(int64_t days);
int civil_weekday(int64_t days); /* 0 is Sunday */
int civil_month_length(int64_t year, int month);
/* Division that rounds down, also below zero; divisor > 0. */
int64_t civil_floor_div(int64_t a, int64_t b);
