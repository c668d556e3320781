/* Any bytes as a destination's marker: refused, or three ids that are 32 lower-case hex digits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *id)
{
    if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct marker m;
    struct err e;

    if (marker_parse(data, size, &m, &e) < 0) {
        if (e.code != ERR_FORMAT && e.code != ERR_REFUSED) /* refused: of a newer version */
            abort();
        return 0;
    }
    check(m.id);
    check(m.owner);
    check(m.salt);
    return 0;
}
