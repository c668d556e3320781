/* calendar.h — when something fires: tier times, 5-field cron and systemd-style calendar
 * expressions compiled into one structure, evaluated in a time zone read from the system's files.
 *
 * DST: a schedule with a fixed hour fires once for each local date it names (in a fold the first,
 * in a gap right after it); one whose hour is `*` or a step follows elapsed time. Sources: POSIX
 * crontab(5), systemd.time(7), RFC 8536 (TZif). */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/config/config.h"

struct zone; /* one time zone: transitions and the footer rule; immutable, sharable */
/* IANA name below /usr/share/zoneinfo (or $TZDIR), or NULL for /etc/localtime (UTC without one);
 * names with ".." or a leading slash are refused. Never touches TZ. ERR_CONFIG if there is no such
 * zone. Reads a file.
 */
int must_check zone_load(const char *name, struct zone **ret, struct err *e);
/* From the bytes of a TZif file, for tests and fuzzing. */
int must_check zone_parse(const void *data, size_t len, struct zone **ret, struct err *e);
void zone_free(struct zone *z);
int zone_offset(const struct zone *z, struct wall t); /* seconds east of UTC at t */
/* "2026-11-20 14:30 CET" */
const char *zone_format(const struct zone *z, struct wall t, char out[48]);

struct calendar; /* a compiled expression; owns nothing of the zone */
enum { CALENDAR_VERIFY = -1 };
/* `when` is the text of a tier_rule, `tier` gives the default of "" and the form of "at":
 *   hourly   ":00"           "at :15"
 *   daily    "02:00"         "at 02:00"
 *   weekly   "Sun 03:00"     "at Sun 03:00"
 *   monthly  "1 04:00"       "at 31 04:00"     a day that the month lacks is its last
 *   yearly   "01-01 05:00"   "at 02-29 04:00"  likewise
 * For CALENDAR_VERIFY the text may begin with a tier's word ("monthly at 1 04:00"); without one
 * it is read as weekly. ERR_CONFIG says which field is wrong. */
int must_check calendar_compile(const char *when, int tier, struct calendar **ret, struct err *e);
void calendar_free(struct calendar *c);
/* First firing strictly after t; us == INT64_MAX if it never fires again before 2200. */
struct wall calendar_next(const struct calendar *c, const struct zone *z, struct wall t);
/* The shortest distance between firings over a leap year from t, in seconds of civil time (a
 * daily schedule gives 24 h although one day of spring has 23): for the default rpo. 0: fires at
 * most once. */
int64_t calendar_interval(const struct calendar *c, const struct zone *z, struct wall t);

/* Compile every calendar text and zone of a configuration, for `config check`: ERR_CONFIG with
 * "FILE:LINE: job "x": daily: ..." for the first that is wrong; errors gets all. */
int must_check schedule_check_config(const struct config *c, struct strlist *errors, struct err *e);
