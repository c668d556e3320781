/* Any bytes as a journal segment: refused, or sound up to some place; and what is sound up to there
 * is sound as a whole, with the same records. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/journal/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_record(void *arg, const json_t *record, struct err *e)
{
    int64_t *count = arg;

    (void)e;
    if (!json_is_object(record))
        abort();
    (*count)++;
    return 0;
}

static int walk(const uint8_t *data, size_t len, bool is_last, struct chain *chain, int64_t *count,
                size_t *good)
{
    struct segment_text text = {.name = "fuzz", .data = data, .len = len, .is_last = is_last};
    struct err e;

    *chain = (struct chain){.hash_known = true};
    memset(chain->hash, '0', LINE_HASH_LEN);
    *count = 0;
    int rc = segment_walk(&text, chain, 0, count_record, count, good, &e);
    if (rc < 0 && (e.code != ERR_DAMAGED || strstr(e.text, "line ") == NULL))
        abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chain chain, again;
    int64_t count, recount;
    size_t good, whole;

    if (walk(data, size, true, &chain, &count, &good) < 0)
        return 0;
    if (good == 0 || good > size || count != chain.seq)
        abort();
    if (walk(data, good, false, &again, &recount, &whole) < 0 || whole != good ||
        recount != count || strcmp(chain.hash, again.hash) != 0)
        abort();
    return 0;
}
