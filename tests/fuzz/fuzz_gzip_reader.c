/* Any bytes as a gzip stream, in pieces: damage or an end, the same for every size of piece, and
 * zlib agrees on what comes out of whatever is accepted. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/mem.h"
#include "lib/plain/gunzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 << 20 };

/* Bytes that came out; -1: damage; -2: more than is looked at here. */
static long decode(const uint8_t *data, size_t size, size_t in_step, size_t out_step, uint8_t *out)
{
    struct gunzip *g = gunzip_new();
    size_t total = 0, n = 1;
    long result = -1;

    for (size_t at = 0; at < size || n > 0;) {
        const uint8_t *p = data + at;
        size_t len = size - at < in_step ? size - at : in_step, given = len;
        size_t room = OUT_MAX - total < out_step ? OUT_MAX - total : out_step;
        if (room == 0) {
            result = -2;
            break;
        }
        if (gunzip_run(g, &p, &len, out + total, room, &n, NULL) < 0)
            break;
        total += n;
        at += given - len;
        if (at == size && n == 0)
            result = gunzip_at_end(g) ? (long)total : -1;
    }
    gunzip_free(g);
    return result;
}

static void compare_with_zlib(const uint8_t *data, size_t size, const uint8_t *out, long len)
{
    uint8_t *theirs = mem_alloc((size_t)len + 1);
    z_stream z = {0};
    size_t total = 0;

    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
        abort();
    z.next_in = (uint8_t *)(uintptr_t)data;
    z.avail_in = (uInt)size;
    while (z.avail_in > 0) {
        z.next_out = theirs + total;
        z.avail_out = (uInt)((size_t)len + 1 - total);
        int rc = inflate(&z, Z_FINISH);
        total = (size_t)(z.next_out - theirs);
        if (rc != Z_STREAM_END)
            abort(); /* we accepted what zlib does not */
        if (inflateReset(&z) != Z_OK)
            abort();
    }
    if (total != (size_t)len || memcmp(theirs, out, total) != 0)
        abort();
    (void)inflateEnd(&z);
    free(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *once = mem_alloc(OUT_MAX), *pieces = mem_alloc(OUT_MAX);
    long whole = decode(data, size, SIZE_MAX, OUT_MAX, once);
    long parts = decode(data, size, 7, 1 + size % 977, pieces);

    if (whole != parts || (whole > 0 && memcmp(once, pieces, (size_t)whole) != 0))
        abort();
    if (whole >= 0)
        compare_with_zlib(data, size, once, whole);
    free(once);
    free(pieces);
    return 0;
}
