/* The happy path: bytes are fed as they come, and each complete frame leaves as one object.
 * A bad length is refused from its four bytes alone, before any of its body is kept. */
#include "lib/protocol/frame.h"

#include <errno.h>
#include <string.h>

#include "lib/base/io.h"

enum { HEAD_SIZE = 4, CHUNK_SIZE = 64 << 10 };

/* Room for one whole frame and for what one read may bring behind it. */
static size_t room_for(size_t max)
{
    return HEAD_SIZE + max + CHUNK_SIZE;
}

void frame_decoder_init(struct frame_decoder *d, size_t max)
{
    *d = (struct frame_decoder){.in = BUF_INIT(room_for(max)), .max = max};
}

void frame_decoder_deinit(struct frame_decoder *d)
{
    buf_wipe(&d->in);
}

static size_t read_length(const uint8_t head[HEAD_SIZE])
{
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

/* 0: *ret is the length of the body at the front. 1: its four bytes are not there yet. */
static int front_length(const struct frame_decoder *d, size_t *ret, struct err *e)
{
    size_t len;

    if (d->in.len < HEAD_SIZE)
        return 1;
    len = read_length(d->in.data);
    if (len == 0 || len > d->max)
        return err_set(e, ERR_FORMAT, "message of %zu bytes refused: 1 to %zu are allowed", len,
                       d->max);
    *ret = len;
    return 0;
}

int frame_feed(struct frame_decoder *d, const void *data, size_t len, struct err *e)
{
    size_t body;

    if (buf_append(&d->in, data, len, e) < 0)
        return -1;
    return front_length(d, &body, e) < 0 ? -1 : 0;
}

int frame_next(struct frame_decoder *d, json_t **ret, struct err *e)
{
    size_t len;
    int r = front_length(d, &len, e);

    *ret = NULL;
    if (r != 0)
        return r;
    if (d->in.len < HEAD_SIZE + len)
        return 1;
    if (json_read(d->in.data + HEAD_SIZE, len, ret, e) < 0)
        return err_wrap(e, "message");
    if (!json_is_object(*ret)) {
        json_decref(*ret);
        *ret = NULL;
        return err_set(e, ERR_FORMAT, "message is not a JSON object");
    }
    buf_consume(&d->in, HEAD_SIZE + len);
    return 0;
}

int frame_encode(const json_t *object, size_t max, struct buf *out, struct err *e)
{
    struct buf body = BUF_INIT(max);
    uint8_t head[HEAD_SIZE];
    int r = -1;

    if (!json_is_object(object)) {
        err_set(e, ERR_INTERNAL, "only JSON objects are sent");
        goto out;
    }
    if (json_write(object, &body, e) < 0) {
        err_wrap(e, "message");
        goto out;
    }
    head[0] = (uint8_t)(body.len >> 24);
    head[1] = (uint8_t)(body.len >> 16);
    head[2] = (uint8_t)(body.len >> 8);
    head[3] = (uint8_t)body.len;
    /* Reserve first, so that a frame is never in `out` by half. */
    if (buf_reserve(out, HEAD_SIZE + body.len, e) < 0 || buf_append(out, head, HEAD_SIZE, e) < 0 ||
        buf_append(out, body.data, body.len, e) < 0)
        goto out;
    r = 0;
out:
    buf_wipe(&body); /* jobs carry keys */
    return r;
}

static int send_all(int fd, const uint8_t *data, size_t len, struct err *e)
{
    while (len > 0) {
        ssize_t n = io_send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "send message");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int frame_send(int fd, const json_t *object, size_t max, struct err *e)
{
    struct buf out = BUF_INIT(room_for(max));
    int r = frame_encode(object, max, &out, e);

    if (r == 0)
        r = send_all(fd, out.data, out.len, e);
    buf_wipe(&out);
    return r;
}

int frame_receive(int fd, struct frame_decoder *d, json_t **ret, struct err *e)
{
    uint8_t chunk[16 << 10];

    for (;;) {
        ssize_t n;
        int r = frame_next(d, ret, e);

        if (r <= 0)
            return r;
        n = io_recv(fd, chunk, sizeof(chunk), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "receive message");
        if (n == 0 && d->in.len == 0)
            return 1;
        if (n == 0)
            return err_set(e, ERR_FORMAT, "connection closed in the middle of a message");
        r = frame_feed(d, chunk, (size_t)n, e);
        mem_wipe(chunk, (size_t)n);
        if (r < 0)
            return -1;
    }
}
