/* stream_fixture.h — a stream added and read back by the pieces alone, and rows as dumps have them. */
#pragma once

#include "tests/unit/repository/add_fixture.h"

struct content {
    struct add_world *world;
    struct buf bytes;
};

static inline void append_content(void *arg, const struct list_record *r)
{
    struct content *c = arg;

    for (size_t i = 0; r->type == LIST_CONTENT && i < r->ref_count; i++)
        append_chunk(c->world, &r->refs[i], &c->bytes);
}

static inline int add_stream(struct add_world *w, const uint8_t *data, size_t len, int previous,
                             int copy, struct added *ret)
{
    if (adder_stream_begin(w->adder, previous, copy, &w->e) < 0)
        return -1;
    for (size_t at = 0, n; at < len; at += n) { /* odd pieces, as pipes give them */
        n = len - at < 60001 ? len - at : 60001;
        if (adder_write(w->adder, data + at, n, &w->e) < 0)
            return -1;
    }
    return adder_end(w->adder, ret, &w->e);
}

/* One run with one stream. Bytes that it put. */
static inline uint64_t run(struct add_world *w, const uint8_t *data, size_t len, int previous,
                           int copy, struct added *ret)
{
    uint64_t put = 0;

    ASSERT_OK(world_begin(w), w->e);
    ASSERT_OK(add_stream(w, data, len, previous, copy, ret), w->e);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    ASSERT(!w->replicas[0].failed);
    world_open_index(w);
    return put;
}

static inline void check_stream(struct add_world *w, const struct added *x, const uint8_t *data,
                                size_t len)
{
    struct content c = {.world = w, .bytes = BUF_INIT(256 << 20)};
    struct buf list = read_list(w, x, append_content, &c);

    ASSERT_EQ(x->raw_bytes, len);
    ASSERT_EQ(c.bytes.len, len);
    ASSERT(len == 0 || memcmp(c.bytes.data, data, len) == 0);
    buf_deinit(&c.bytes);
    buf_deinit(&list);
}

/* Rows of a table: text, as dumps have it. */
static inline uint8_t *make_rows(size_t len)
{
    uint8_t *data = mem_alloc(len + 100);
    uint64_t state = 99;

    for (size_t at = 0, row = 0; at < len; row++)
        at += (size_t)snprintf(
            (char *)data + at, 100, "%zu\t$%016llx%016llx\t@user%llu:example.org\n", row,
            (unsigned long long)next_chance(&state), (unsigned long long)next_chance(&state),
            (unsigned long long)next_chance(&state) % 5000);
    return data;
}
