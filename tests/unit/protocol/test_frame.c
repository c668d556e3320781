#include <sys/socket.h>
#include <unistd.h>

#include "lib/protocol/frame.h"
#include "tests/lib/test.h"

enum { MAX = 4096 };

static void encode(struct buf *out, const char *json)
{
    json_t *o = json_loads(json, 0, NULL);
    struct err e;

    ASSERT_OK(frame_encode(o, MAX, out, &e), e);
    json_decref(o);
}

static json_t *next(struct frame_decoder *d)
{
    json_t *o = NULL;
    struct err e;

    ASSERT_OK(frame_next(d, &o, &e), e);
    return o;
}

TEST(what_is_encoded_is_decoded)
{
    struct buf out = BUF_INIT(MAX);
    struct frame_decoder d;
    struct err e;

    encode(&out, "{\"type\":\"cancel\",\"n\":7}");
    ASSERT_EQ(out.data[0] | out.data[1] | out.data[2], 0);
    ASSERT_EQ(out.data[3], out.len - 4);
    frame_decoder_init(&d, MAX);
    ASSERT_OK(frame_feed(&d, out.data, out.len, &e), e);
    json_t *o = next(&d);
    ASSERT_STR(json_opt_string(o, "type", ""), "cancel");
    ASSERT_EQ(json_opt_i64(o, "n", 0), 7);
    json_decref(o);
    ASSERT_EQ(frame_next(&d, &o, &e), 1);
    ASSERT(o == NULL);
    frame_decoder_deinit(&d);
    buf_deinit(&out);
}

TEST(no_beginning_of_a_frame_is_a_frame)
{
    struct buf out = BUF_INIT(MAX);
    json_t *o;
    struct err e;

    encode(&out, "{\"a\":[1,2,{\"b\":\"c\"}]}");
    for (size_t len = 0; len < out.len; len++) {
        struct frame_decoder d;
        frame_decoder_init(&d, MAX);
        ASSERT_OK(frame_feed(&d, out.data, len, &e), e);
        ASSERT_EQ(frame_next(&d, &o, &e), 1);
        ASSERT_OK(frame_feed(&d, out.data + len, out.len - len, &e), e);
        json_decref(next(&d));
        frame_decoder_deinit(&d);
    }
    buf_deinit(&out);
}

TEST(pipelined_frames_come_out_in_order_at_any_split)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err e;
    unsigned seed = 1;

    for (int i = 0; i < 50; i++) {
        char json[64];
        (void)snprintf(json, sizeof(json), "{\"n\":%d,\"pad\":\"%.*s\"}", i, i % 9, "xxxxxxxxx");
        encode(&out, json);
    }
    for (int round = 0; round < 200; round++) {
        struct frame_decoder d;
        int expected = 0;
        json_t *o;
        frame_decoder_init(&d, MAX);
        for (size_t at = 0; at < out.len;) {
            size_t step = 1 + (size_t)rand_r(&seed) % 300;
            if (step > out.len - at)
                step = out.len - at;
            ASSERT_OK(frame_feed(&d, out.data + at, step, &e), e);
            at += step;
            while (frame_next(&d, &o, &e) == 0) {
                ASSERT_EQ(json_opt_i64(o, "n", -1), expected++);
                json_decref(o);
            }
        }
        ASSERT_EQ(expected, 50);
        ASSERT_EQ(d.in.len, 0);
        frame_decoder_deinit(&d);
    }
    buf_deinit(&out);
}

/* The four bytes alone decide: nothing of the body has come. */
static void check_length_refused(uint32_t len)
{
    const uint8_t head[4] = {len >> 24, len >> 16 & 255, len >> 8 & 255, len & 255};
    struct frame_decoder d;
    struct err e = {0};
    json_t *o;

    frame_decoder_init(&d, MAX);
    ASSERT_ERR(frame_feed(&d, head, 4, &e), e, ERR_FORMAT);
    ASSERT_ERR(frame_next(&d, &o, &e), e, ERR_FORMAT);
    ASSERT(d.in.cap < 1024);
    frame_decoder_deinit(&d);
}

TEST(wrong_lengths_are_refused_at_once)
{
    check_length_refused(0);
    check_length_refused(MAX + 1);
    check_length_refused(0x7fffffff);
    check_length_refused(0xffffffff);
}

static void check_body_refused(const void *body, size_t len)
{
    uint8_t frame[64] = {0, 0, 0, (uint8_t)len};
    struct frame_decoder d;
    struct err e = {0};
    json_t *o = NULL;

    memcpy(frame + 4, body, len);
    frame_decoder_init(&d, MAX);
    ASSERT_OK(frame_feed(&d, frame, 4 + len, &e), e);
    ASSERT_ERR(frame_next(&d, &o, &e), e, ERR_FORMAT);
    ASSERT(o == NULL);
    frame_decoder_deinit(&d);
}

TEST(what_is_no_object_is_refused)
{
    static const char *const bodies[] = {"[]", "1",           "\"x\"",   "null",
                                         "{",  "{}{}",        "{\"a\"}", "{\"a\":1,\"a\":2}",
                                         " ",  "{\"a\":nan}", "\xff\xff"};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        check_body_refused(bodies[i], strlen(bodies[i]));
    check_body_refused("{}\0", 3);
    check_body_refused("{\"\\u0000\":1}", 12);
}

TEST(deep_nesting_is_refused_without_harm)
{
    size_t depth = 100000;
    struct buf body = BUF_INIT(1 << 20);
    struct frame_decoder d;
    struct err e = {0};
    json_t *o = NULL;

    const uint8_t head[4] = {0, (uint8_t)(depth >> 16), (uint8_t)(depth >> 8), (uint8_t)depth};
    ASSERT_OK(buf_append(&body, head, 4, &e), e);
    for (size_t i = 0; i < depth; i++)
        ASSERT_OK(buf_append(&body, "[", 1, &e), e);
    frame_decoder_init(&d, 1 << 20);
    ASSERT_OK(frame_feed(&d, body.data, body.len, &e), e);
    ASSERT_ERR(frame_next(&d, &o, &e), e, ERR_FORMAT);
    frame_decoder_deinit(&d);
    buf_deinit(&body);
}

TEST(encoding_keeps_its_bound_and_leaves_nothing_by_half)
{
    struct buf out = BUF_INIT(MAX), small = BUF_INIT(8);
    json_t *o = json_pack("{s:s}", "a", "0123456789"), *list = json_array();
    struct err e = {0};

    ASSERT_ERR(frame_encode(o, 10, &out, &e), e, ERR_LIMIT);
    ASSERT_ERR(frame_encode(o, MAX, &small, &e), e, ERR_LIMIT);
    ASSERT_ERR(frame_encode(list, MAX, &out, &e), e, ERR_INTERNAL);
    ASSERT_EQ(out.len + small.len, 0);
    json_decref(o);
    json_decref(list);
    buf_deinit(&out);
    buf_deinit(&small);
}

TEST(send_and_receive_over_a_socket)
{
    int pair[2];
    struct frame_decoder d;
    json_t *o = json_pack("{s:i}", "n", 5), *got = NULL;
    struct err e = {0};

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    frame_decoder_init(&d, MAX);
    for (int i = 0; i < 3; i++)
        ASSERT_OK(frame_send(pair[0], o, MAX, &e), e);
    for (int i = 0; i < 3; i++) {
        ASSERT_OK(frame_receive(pair[1], &d, &got, &e), e);
        ASSERT(json_equal(o, got));
        json_decref(got);
    }
    close(pair[0]);
    ASSERT_EQ(frame_receive(pair[1], &d, &got, &e), 1);
    close(pair[1]);
    frame_decoder_deinit(&d);
    json_decref(o);
}

TEST(an_end_inside_a_message_is_an_error)
{
    int pair[2];
    struct frame_decoder d;
    json_t *got = NULL;
    struct err e = {0};

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ASSERT_EQ(write(pair[0], "\0\0\0\11{\"a\"", 8), 8);
    close(pair[0]);
    frame_decoder_init(&d, MAX);
    ASSERT_ERR(frame_receive(pair[1], &d, &got, &e), e, ERR_FORMAT);
    frame_decoder_deinit(&d);
    close(pair[1]);
}

TEST(sending_to_nobody_is_an_error_and_no_signal)
{
    int pair[2];
    json_t *o = json_object();
    struct err e = {0};

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    ASSERT_ERR(frame_send(pair[0], o, MAX, &e), e, ERR_IO);
    close(pair[0]);
    json_decref(o);
}
