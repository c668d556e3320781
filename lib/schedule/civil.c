/* civil.c — day numbers and back. Years are counted from March, so that the leap day is the last
 * of its year and every month before it has a fixed place. */
#include "lib/schedule/civil.h"

#include <stdbool.h>

enum { DAYS_400_YEARS = 146097, DAYS_TO_1970 = 719468 };

int64_t civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t civil_to_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = civil_floor_div(y, 400), in_era = y - era * 400;
    int from_march = (month + 9) % 12;

    return era * DAYS_400_YEARS + in_era * 365 + in_era / 4 - in_era / 100 +
           (153 * from_march + 2) / 5 + day - 1 - DAYS_TO_1970;
}

int civil_weekday(int64_t days)
{
    int64_t w = (days + 4) % 7; /* day 0 was a Thursday */

    return (int)(w < 0 ? w + 7 : w);
}

struct civil civil_from_days(int64_t days)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = civil_floor_div(shifted, DAYS_400_YEARS), in_era = shifted - era * DAYS_400_YEARS;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    int month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);

    return (struct civil){
        .year = (int)(year + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(in_year - (153 * from_march + 2) / 5 + 1),
        .weekday = civil_weekday(days),
    };
}

int civil_month_length(int64_t year, int month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    if (month == 2)
        return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}
