/* What goes through a pump comes out as it went in, in whatever pieces; so does a failure, in its place. */
#include <stdint.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/pump.h"
#include "tests/lib/test.h"

struct spring {
    uint64_t at, end;
    size_t most; /* bytes at once */
    bool fails;  /* at its end */
};

static uint8_t byte_at(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

static int draw(void *arg, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct spring *s = arg;
    uint8_t *out = data;

    *ret_len = 0;
    if (s->at == s->end && s->fails)
        return err_set(e, ERR_DAMAGED, "no more than that");
    len = len < s->most ? len : s->most;
    while (*ret_len < len && s->at < s->end)
        out[(*ret_len)++] = byte_at(s->at++);
    return 0;
}

/* Everything, `piece` bytes at a time; what the last call returned. */
static int drain(struct pump *p, size_t piece, uint64_t *total, struct err *e)
{
    uint8_t *room = mem_alloc(piece);
    size_t len;
    int rc;

    *total = 0;
    while ((rc = pump_read(p, room, piece, &len, e)) == 0 && len > 0)
        for (size_t i = 0; i < len; i++, (*total)++)
            ASSERT_EQ(room[i], byte_at(*total));
    free(room);
    return rc;
}

TEST(bytes_come_in_order_in_any_pieces)
{
    static const uint64_t sizes[] = {0, 1, 262143, 262144, 262145, 5000000};
    static const size_t pieces[] = {1000, 65536, 262144, 1000003};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
            struct spring s = {.end = sizes[i], .most = k % 2 == 0 ? 100000 : SIZE_MAX};
            struct pump *p = pump_new(draw, &s);
            struct err e = {0};
            uint64_t total;
            ASSERT_OK(drain(p, pieces[k], &total, &e), e);
            ASSERT_EQ(total, sizes[i]);
            ASSERT_OK(drain(p, pieces[k], &total, &e), e); /* the end stays the end */
            ASSERT_EQ(total, 0);
            pump_free(p);
        }
}

TEST(a_failure_comes_after_the_bytes_before_it)
{
    struct spring s = {.end = 3000001, .most = SIZE_MAX, .fails = true};
    struct pump *p = pump_new(draw, &s);
    struct err e = {0};
    uint64_t total;

    ASSERT_ERR(drain(p, 70000, &total, &e), e, ERR_DAMAGED);
    ASSERT_EQ(total, s.end);
    ASSERT_ERR(drain(p, 70000, &total, &e), e, ERR_DAMAGED);
    pump_free(p);
}

TEST(it_can_be_left_at_any_time)
{
    for (size_t piece = 0; piece < 2000000; piece += 400000) {
        struct spring s = {.end = UINT64_MAX, .most = SIZE_MAX};
        struct pump *p = pump_new(draw, &s);
        uint8_t *room = mem_alloc(piece + 1);
        struct err e = {0};
        size_t len;
        ASSERT_OK(pump_read(p, room, piece, &len, &e), e);
        ASSERT_EQ(len, piece);
        pump_free(p);
        free(room);
    }
}
