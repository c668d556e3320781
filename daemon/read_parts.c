#include "daemon/read_parts.h"

#include "lib/base/mem.h"

size_t read_parts(const json_t *list, struct wall unread, struct read_part **ret)
{
    const size_t count = json_array_size(list);
    struct read_part *out = mem_alloc((count + 1) * sizeof(*out));

    *ret = out;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *next = i + 1 < count ? json_array_get(list, i + 1) : NULL;
        out[i] = (struct read_part){
            .from = (uint64_t)json_integer_value(json_array_get(item, 0)),
            .to = next != NULL ? (uint64_t)json_integer_value(json_array_get(next, 0))
                               : READ_PARTS_END,
            .read = {json_integer_value(json_array_get(item, 1))}};
    }
    if (count > 0)
        return count;
    out[0] = (struct read_part){.to = READ_PARTS_END, .read = unread};
    return 1;
}

static void add(json_t *list, uint64_t from, int64_t us)
{
    const json_t *last = json_array_get(list, json_array_size(list) - 1);

    if (last == NULL || json_integer_value(json_array_get(last, 1)) != us)
        (void)json_array_append_new(list, json_pack("[I,I]", (json_int_t)from, (json_int_t)us));
}

json_t *read_parts_note(const json_t *list, struct wall unread, uint64_t from, uint64_t to,
                        struct wall now)
{
    _cleanup_free_ struct read_part *known = NULL;
    const size_t count = read_parts(list, unread, &known);
    json_t *noted = json_array();

    for (size_t i = 0; i < count && known[i].from < from; i++)
        add(noted, known[i].from, known[i].read.us);
    add(noted, from, now.us);
    for (size_t i = 0; i < count; i++)
        if (known[i].to > to)
            add(noted, known[i].from > to ? known[i].from : to, known[i].read.us);
    return noted;
}

struct wall read_parts_oldest(const json_t *list, struct wall unread)
{
    _cleanup_free_ struct read_part *parts = NULL;
    const size_t count = read_parts(list, unread, &parts);
    struct wall oldest = parts[0].read;

    for (size_t i = 1; i < count; i++)
        if (parts[i].read.us < oldest.us)
            oldest = parts[i].read;
    return oldest;
}
