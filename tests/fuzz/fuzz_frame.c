/* Any bytes from a peer, in pieces whose sizes come from the first byte: objects or an error, and
 * never more memory than one frame needs. What is decoded can be sent again. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 64 << 10 };

static void check_again(const json_t *object)
{
    struct buf out = BUF_INIT(64 * MAX);
    struct frame_decoder d;
    json_t *again = NULL;

    frame_decoder_init(&d, 8 * MAX); /* escapes may make it longer */
    if (frame_encode(object, 8 * MAX, &out, NULL) < 0 ||
        frame_feed(&d, out.data, out.len, NULL) < 0 || frame_next(&d, &again, NULL) != 0)
        abort();
    if (!json_equal((json_t *)(uintptr_t)object, again))
        abort();
    json_decref(again);
    frame_decoder_deinit(&d);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_decoder d;
    size_t step = size > 0 ? 1 + (size_t)data[0] * 16 : 1;
    int r = 0;

    frame_decoder_init(&d, MAX);
    for (size_t at = 1; r >= 0 && at < size; at += step) {
        size_t len = step < size - at ? step : size - at;
        json_t *object = NULL;

        r = frame_feed(&d, data + at, len, NULL);
        while (r >= 0 && (r = frame_next(&d, &object, NULL)) == 0) {
            check_again(object);
            json_decref(object);
        }
        if (d.in.cap > 4 * MAX)
            abort();
    }
    frame_decoder_deinit(&d);
    return 0;
}
