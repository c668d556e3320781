/* Any bytes as a time zone file: refused with ERR_FORMAT, or a zone in which every stretch ends
 * later than it is asked for, no offset is more than a day and a bit, and clocks can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schedule/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_around(const struct zone *z, int64_t t)
{
    struct zone_stretch s = zone_stretch(z, t);
    char text[48];

    if (s.end <= t || s.offset <= -90000 || s.offset >= 93600)
        abort();
    if (zone_offset(z, (struct wall){t * 1000000}) != s.offset)
        abort();
    if (strlen(zone_format(z, (struct wall){t * 1000000}, text)) < 17)
        abort();
    /* The first moment at which clocks show what they show now is not later than now. */
    if (zone_first_at(z, t + s.offset) > t)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *z = NULL;
    struct err e = {0};

    if (zone_parse(data, size, &z, &e) < 0) {
        if (e.code != ERR_FORMAT)
            abort();
        return 0;
    }
    for (int64_t t = -5000000000; t < 8000000000; t += 433333333)
        look_around(z, t);
    for (int64_t t = 1767225600; t < 1798761600; t += 86400 * 5)
        look_around(z, t);
    zone_free(z);
    return 0;
}
