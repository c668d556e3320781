#include "lib/config/unit.h"

#include "lib/base/mem.h"

struct unit {
    const char *name;
    int64_t size;
};

static int print(const struct unit *units, size_t count, int64_t n, struct buf *out, struct err *e)
{
    size_t i = 0;

    while (i + 1 < count && (n == 0 || n % units[i].size != 0))
        i++;
    return buf_printf(out, e, "%lld%s", (long long)(n / units[i].size), units[i].name);
}

int unit_print_span(int64_t seconds, struct buf *out, struct err *e)
{
    static const struct unit units[] = {{"y", 31557600}, {"w", 604800}, {"d", 86400},
                                        {"h", 3600},     {"min", 60},   {"s", 1}};

    return print(units, ARRAY_LEN(units), seconds, out, e);
}

int unit_print_size(int64_t bytes, struct buf *out, struct err *e)
{
    static const struct unit units[] = {{"T", INT64_C(1) << 40},
                                        {"G", INT64_C(1) << 30},
                                        {"M", INT64_C(1) << 20},
                                        {"K", INT64_C(1) << 10},
                                        {"", 1}};

    return print(units, ARRAY_LEN(units), bytes, out, e);
}
