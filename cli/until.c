#include "cli/until.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static const int64_t LONGEST_S = 100LL * 366 * 86400;

int until_parse(const char *text, struct wall now, char ret_iso[32], struct err *e)
{
    _cleanup_free_ char *midnight = mem_printf("%sT00:00:00Z", text);
    _cleanup_free_ char *shown = str_printable(text, strlen(text));
    struct wall t;
    int64_t seconds;

    if (clock_parse_iso8601(text, &t) < 0 && clock_parse_iso8601(midnight, &t) < 0) {
        if (str_to_seconds(text, &seconds, NULL) < 0 || seconds > LONGEST_S)
            return err_set(e, ERR_USAGE,
                           "\"%s\" is no time (examples: 2h, 7d, 2026-12-01, 2026-12-01T06:00:00Z)",
                           shown);
        t.us = now.us + seconds * 1000000;
    }
    if (t.us <= now.us)
        return err_set(e, ERR_USAGE, "--until %s is over already", shown);
    (void)clock_iso8601(t, ret_iso);
    return 0;
}
