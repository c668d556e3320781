/* zone.h — what the files of lib/schedule share about time zones beyond calendar.h.
 *
 * A zone is a line of stretches with one offset each; zone_stretch gives the one around t. All
 * times here are whole seconds since 1970 UTC. Pure. */
#pragma once

#include "lib/schedule/calendar.h"
#include "lib/schedule/civil.h"

enum { ZONE_ABBREVIATION_MAX = 16 };

struct zone_stretch {
    int32_t offset;           /* seconds east of UTC, RFC 8536: -25 h < offset < 26 h */
    int64_t end;              /* first second that may differ; INT64_MAX: none */
    const char *abbreviation; /* owned by the zone */
};

/* The zone in this file; UTC if there is none, as localtime(5) has it. */
int must_check zone_load_system(const char *path, struct zone **ret, struct err *e);
struct zone_stretch zone_stretch(const struct zone *z, int64_t t);
/* The first second at which clocks show `local` or later: in a fold the first pass, in a gap the
 * moment right after it. `local` is seconds since 1970 as clocks there count them. */
int64_t zone_first_at(const struct zone *z, int64_t local);
int64_t wall_seconds(struct wall t); /* rounded down */
/* Days since 1970 of the local date at t. */
int64_t zone_local_days(const struct zone *z, struct wall t);

/* The rule behind the table: the POSIX TZ string of a TZif footer. */
struct zone_day { /* when in a year a change falls */
    enum zone_day_kind { ZONE_DAY_MONTH, ZONE_DAY_JULIAN, ZONE_DAY_ZERO } kind;
    int month, week, day; /* Mm.w.d, or Jn and n in `day` */
    int32_t time_s;       /* after local midnight, -167 h..167 h */
};

struct zone_rule {
    char standard[ZONE_ABBREVIATION_MAX], daylight[ZONE_ABBREVIATION_MAX];
    int32_t standard_offset, daylight_offset;
    bool has_daylight;
    struct zone_day start, end; /* of daylight time */
};

/* "CET-1CEST,M3.5.0,M10.5.0/3"; ERR_FORMAT for anything RFC 8536 does not allow. */
int must_check zone_rule_parse(const char *text, struct zone_rule *ret, struct err *e);
struct zone_stretch zone_rule_stretch(const struct zone_rule *r, int64_t t);
