#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum { BUDGET = 9 << 20 }; /* a batch in use, one ahead */

struct list_reader {
    struct chunk_ref *list; /* owned */
    size_t count, asked;
    struct fetch_ahead *ahead;
    struct list_parser *parser;
    bool at_end;
};

static int next_chunk(void *arg, struct chunk_ref *ret, struct err *e)
{
    struct list_reader *r = arg;

    (void)e;
    if (r->asked == r->count)
        return 1;
    *ret = r->list[r->asked++];
    return 0;
}

int list_reader_open(struct fetcher *f, const struct chunk_ref *list, size_t count,
                     struct list_reader **ret, struct err *e)
{
    struct list_reader *r = mem_alloc(sizeof(*r));

    (void)e;
    r->list = mem_copy(list, count * sizeof(*list));
    r->count = count;
    r->parser = list_parser_new();
    r->ahead = fetch_ahead_new(f, CHUNK_LIST, count > 1 ? 1 : 0, BUDGET, next_chunk, r);
    *ret = r;
    return 0;
}

int list_reader_next(struct list_reader *r, struct list_record *ret, struct err *e)
{
    const uint8_t *data;
    size_t len;
    int rc;

    if (r->at_end)
        return 1;
    while ((rc = list_parser_next(r->parser, ret, e)) == 1) {
        rc = fetch_ahead_next(r->ahead, &data, &len, e);
        if (rc == 1) {
            r->at_end = list_parser_finish(r->parser, e) == 0;
            return r->at_end ? 1 : -1;
        }
        if (rc < 0 || list_parser_feed(r->parser, data, len, e) < 0)
            return -1;
    }
    return rc;
}

void list_reader_close(struct list_reader *r)
{
    if (r == NULL)
        return;
    fetch_ahead_free(r->ahead);
    list_parser_free(r->parser);
    free(r->list);
    free(r);
}
