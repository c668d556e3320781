#include "lib/plain/gzip_block.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

#include "lib/base/mem.h"

enum {
    HEADER = 10,
    TRAILER = 8,
    STORED_MAX = 65535,
    STORED_HEADER = 5,
    COARSE = 16 << 10,
    FINE = 4 << 10
};

struct gzip_block {
    int level;
    z_stream zlib; /* for the levels that ISA-L has not */
    bool zlib_ready;
#ifdef HAVE_ISAL
    struct isal_zstream isal;
    uint8_t *level_buf; /* owned */
    uint32_t level_buf_size;
#endif
};

struct gzip_block *gzip_block_new(int level)
{
    struct gzip_block *g = mem_alloc(sizeof(*g));

    g->level = level;
#ifdef HAVE_ISAL
    static const uint32_t sizes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                     ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    if (level >= 1 && level <= 3) {
        g->level_buf_size = sizes[level];
        g->level_buf = mem_alloc(g->level_buf_size);
        return g;
    }
#endif
    g->zlib_ready =
        deflateInit2(&g->zlib, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    return g;
}

void gzip_block_free(struct gzip_block *g)
{
    if (g == NULL)
        return;
    if (g->zlib_ready)
        (void)deflateEnd(&g->zlib);
#ifdef HAVE_ISAL
    free(g->level_buf);
#endif
    free(g);
}

static size_t stored_size(size_t len)
{
    return HEADER + len + (len / STORED_MAX + 1) * STORED_HEADER + TRAILER;
}

size_t gzip_block_bound(size_t len)
{
    return len + (len / FINE + 1) * stored_size(0);
}

/* Photos, videos and archives cost a compressor as much as text and give nothing. Their bytes are
 * spread evenly; a sample over the whole piece tells: the sum of squared counts is least,
 * n * n / 256, when all values are equally frequent. Up to 1.11 times that (7.85 bits a byte) at
 * most 2 % could be gained. */
static bool looks_incompressible(const uint8_t *data, size_t len)
{
    enum { SPOTS = 8, SPOT = 128, SAMPLE = SPOTS * SPOT };
    uint32_t count[256] = {0};
    uint64_t squares = 0;

    if (len < 2 * (size_t)SAMPLE)
        return false;
    size_t step = (len - SPOT) / (SPOTS - 1);
    for (size_t i = 0; i < SPOTS; i++)
        for (size_t j = 0; j < SPOT; j++)
            count[data[i * step + j]]++;
    for (size_t i = 0; i < 256; i++)
        squares += (uint64_t)count[i] * count[i];
    /* n more than the least, because even counts of real chance vary by their square root */
    return squares - SAMPLE < (uint64_t)SAMPLE * SAMPLE / 256 * 111 / 100;
}

static size_t at_most(size_t len, size_t most)
{
    return len < most ? len : most;
}

/* How much from the start is not worth compressing: a long look, then a short one. */
static size_t stored_unit(const uint8_t *data, size_t len)
{
    if (looks_incompressible(data, at_most(len, COARSE)))
        return at_most(len, COARSE);
    return looks_incompressible(data, at_most(len, FINE)) ? at_most(len, FINE) : 0;
}

/* How much from the start is of one kind: photos and text lie side by side in one block. Where
 * they meet it is worth looking closely: between two photos there are only tar's headers. */
static size_t run_length(const uint8_t *data, size_t len, bool *ret_stored)
{
    size_t at = 0, n = stored_unit(data, len);

    *ret_stored = n > 0;
    if (n > 0) {
        for (; n > 0; n = stored_unit(data + at, len - at))
            at += n;
        return at;
    }
    do
        at += at_most(len - at, COARSE);
    while (at < len && !looks_incompressible(data + at, at_most(len - at, COARSE)));
    while (at > FINE && looks_incompressible(data + at - FINE, FINE))
        at -= FINE;
    return at;
}

static uint32_t crc_of(const uint8_t *data, size_t len)
{
#ifdef HAVE_ISAL
    return crc32_gzip_refl(0, data, len);
#else
    return (uint32_t)crc32_z(0, data, len);
#endif
}

static uint8_t *put_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

/* The member as deflate's stored blocks: nothing but framing around the bytes. */
static size_t store(const uint8_t *data, size_t len, uint8_t *out)
{
    static const uint8_t header[HEADER] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    uint8_t *p = out;
    size_t at = 0;

    memcpy(p, header, HEADER);
    p += HEADER;
    do {
        size_t n = len - at < STORED_MAX ? len - at : STORED_MAX;
        *p++ = at + n == len; /* BFINAL, BTYPE 00 */
        p = put_le32(p, (uint32_t)n | (uint32_t)(uint16_t)~n << 16);
        memcpy(p, data + at, n);
        p += n;
        at += n;
    } while (at < len);
    p = put_le32(p, crc_of(data, len));
    p = put_le32(p, (uint32_t)len);
    return (size_t)(p - out);
}

#ifdef HAVE_ISAL
static int write_isal(struct gzip_block *g, const uint8_t *data, size_t len, uint8_t *out,
                      size_t *ret_len, struct err *e)
{
    struct isal_zstream *s = &g->isal;

    isal_deflate_stateless_init(s);
    s->level = (uint32_t)g->level;
    s->level_buf = g->level_buf;
    s->level_buf_size = g->level_buf_size;
    s->gzip_flag = IGZIP_GZIP;
    s->end_of_stream = 1;
    s->next_in = (uint8_t *)(uintptr_t)data; /* the interface lacks a const; it only reads */
    s->avail_in = (uint32_t)len;
    s->next_out = out;
    s->avail_out = (uint32_t)stored_size(len);
    int rc = isal_deflate_stateless(s);
    if (rc == STATELESS_OVERFLOW)
        *ret_len = SIZE_MAX;
    else if (rc == COMP_OK)
        *ret_len = s->total_out;
    else
        return err_set(e, ERR_INTERNAL, "ISA-L cannot compress (%d)", rc);
    return 0;
}
#endif

static int write_zlib(struct gzip_block *g, const uint8_t *data, size_t len, uint8_t *out,
                      size_t *ret_len, struct err *e)
{
    z_stream *s = &g->zlib;

    if (!g->zlib_ready || deflateReset(s) != Z_OK)
        return err_set(e, ERR_INTERNAL, "zlib cannot start");
    s->next_in = (uint8_t *)(uintptr_t)data; /* the interface lacks a const; it only reads */
    s->avail_in = (uInt)len;
    s->next_out = out;
    s->avail_out = (uInt)stored_size(len);
    /* no room left means that it did not shrink */
    *ret_len = deflate(s, Z_FINISH) == Z_STREAM_END ? s->total_out : SIZE_MAX;
    return 0;
}

static int compress_member(struct gzip_block *g, const uint8_t *data, size_t len, uint8_t *out,
                           size_t *ret_len, struct err *e)
{
#ifdef HAVE_ISAL
    if (g->level_buf != NULL)
        return write_isal(g, data, len, out, ret_len, e);
#endif
    return write_zlib(g, data, len, out, ret_len, e);
}

int gzip_block_write(struct gzip_block *g, const uint8_t *data, size_t len, uint8_t *out,
                     size_t *ret_len, struct err *e)
{
    size_t at = 0;

    *ret_len = 0;
    do {
        bool stored;
        size_t n = run_length(data + at, len - at, &stored), size = SIZE_MAX;
        if (!stored && compress_member(g, data + at, n, out + *ret_len, &size, e) < 0)
            return -1;
        if (size >= stored_size(n))
            size = store(data + at, n, out + *ret_len);
        *ret_len += size;
        at += n;
    } while (at < len);
    return 0;
}
