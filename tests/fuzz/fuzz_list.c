/* Any bytes as a list stream: records are refused or lie inside what was fed, and what was read to a
 * verified end, written again, is the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/repository/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct buf *out, const struct list_record *r)
{
    int rc = 0;

    switch (r->type) {
    case LIST_ENTRY:
        rc = list_put_entry(out, &r->entry, NULL);
        break;
    case LIST_CONTENT:
        rc = list_put_content(out, r->refs, r->ref_count, NULL);
        break;
    case LIST_END:
        rc = list_put_end(out, r->entries, r->bytes, NULL);
    }
    if (rc != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size == 0 ? 1 : 1 + data[size - 1] % 100;
    struct list_parser *p = list_parser_new();
    struct buf out = BUF_INIT(LIST_RECORD_MAX);
    struct list_record r;
    int rc = 1;

    for (size_t at = 0; at < size && rc == 1; at += step) {
        rc = list_parser_feed(p, data + at, size - at < step ? size - at : step, NULL);
        while (rc == 0 && (rc = list_parser_next(p, &r, NULL)) == 0)
            put(&out, &r);
    }
    if (list_parser_finish(p, NULL) == 0 && (out.len != size || memcmp(out.data, data, size) != 0))
        abort();
    buf_deinit(&out);
    list_parser_free(p);
    return 0;
}
