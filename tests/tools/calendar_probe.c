/* calendar_probe.c — answers questions about calendars and zones, for
 * tests/integration/test_dst.py.
 *
 * One question a line, fields separated by tabs, times in seconds since 1970 UTC:
 *
 *   changes ZONE FROM TO                  each change of the offset: TIME BEFORE AFTER
 *   fires ZONE TIER FROM TO WHEN          firings in (FROM, TO]
 *   offset ZONE TIME                      seconds east of UTC
 *
 * The answer is one line of numbers; "error: TEXT" if the question cannot be answered. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/zone.h"

enum { FIELDS_MAX = 6 };

static struct zone *zone;
static char *zone_name;

static int use_zone(const char *name, struct err *e)
{
    if (str_equal(zone_name, name))
        return 0;
    zone_free(zone);
    zone = NULL;
    free(zone_name);
    zone_name = NULL;
    if (zone_load(name, &zone, e) < 0)
        return -1;
    zone_name = mem_strdup(name);
    return 0;
}

static void changes(int64_t from, int64_t to)
{
    struct zone_stretch s = zone_stretch(zone, from);

    while (s.end <= to) {
        struct zone_stretch next = zone_stretch(zone, s.end);
        if (next.offset != s.offset)
            printf("%" PRId64 " %d %d ", s.end, s.offset, next.offset);
        s = next;
    }
}

static int fires(const char *tier, int64_t from, int64_t to, const char *when, struct err *e)
{
    struct calendar *c = NULL;
    struct wall t = {from * 1000000};

    if (calendar_compile(when, tier_from_word(tier), &c, e) < 0)
        return -1;
    for (t = calendar_next(c, zone, t); t.us <= to * 1000000; t = calendar_next(c, zone, t))
        printf("%" PRId64 " ", t.us / 1000000);
    calendar_free(c);
    return 0;
}

static int answer(char **field, size_t count, struct err *e)
{
    if (count < 3)
        return err_set(e, ERR_USAGE, "too few fields");
    if (use_zone(field[1], e) < 0)
        return -1;
    if (strcmp(field[0], "changes") == 0 && count == 4) {
        changes(atoll(field[2]), atoll(field[3]));
    } else if (strcmp(field[0], "fires") == 0 && count == 6) {
        return fires(field[2], atoll(field[3]), atoll(field[4]), field[5], e);
    } else if (strcmp(field[0], "offset") == 0) {
        printf("%d", zone_stretch(zone, atoll(field[2])).offset);
    } else {
        return err_set(e, ERR_USAGE, "no such question: %s", field[0]);
    }
    return 0;
}

int main(void)
{
    char line[1024], *field[FIELDS_MAX];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        struct err e = {0};
        char *position = NULL;
        size_t count = 0;
        line[strcspn(line, "\n")] = '\0';
        for (char *f = strtok_r(line, "\t", &position); f != NULL && count < FIELDS_MAX;
             f = strtok_r(NULL, "\t", &position))
            field[count++] = f;
        if (answer(field, count, &e) < 0)
            printf("error: %s", e.text);
        printf("\n");
    }
    zone_free(zone);
    free(zone_name);
    return 0;
}
