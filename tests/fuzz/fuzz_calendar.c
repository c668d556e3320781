/* Any text as a schedule: refused with ERR_CONFIG, or a calendar whose firings go forward and fall
 * on whole minutes of civil time that a second look finds again. The first byte chooses the tier.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/schedule/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIRINGS = 20 };

static void check_firings(const struct calendar *c, const struct zone *z, struct wall t)
{
    for (int i = 0; i < FIRINGS; i++) {
        struct wall next = calendar_next(c, z, t);
        if (next.us == INT64_MAX)
            return;
        if (next.us <= t.us || next.us % 1000000 != 0)
            abort();
        if (calendar_next(c, z, (struct wall){next.us - 1}).us != next.us)
            abort(); /* nothing fires between t and next */
        t = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone *berlin;
    struct calendar *c = NULL;
    struct err e = {0};

    if (size == 0)
        return 0;
    if (berlin == NULL && zone_load("Europe/Berlin", &berlin, NULL) < 0)
        abort();
    int tier = data[0] % (TIER_COUNT + 1) - 1;
    char *text = mem_strndup((const char *)data + 1, size - 1);
    if (calendar_compile(text, tier, &c, &e) == 0) {
        check_firings(c, berlin, (struct wall){1774569600LL * 1000000}); /* before a gap */
        check_firings(c, berlin, (struct wall){1792800000LL * 1000000}); /* before a fold */
        if (calendar_interval(c, berlin, (struct wall){0}) < 0)
            abort();
    } else if (e.code != ERR_CONFIG && e.code != ERR_FORMAT) {
        abort();
    }
    calendar_free(c);
    free(text);
    return 0;
}
