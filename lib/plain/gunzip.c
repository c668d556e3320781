#include "lib/plain/gunzip.h"

#include <limits.h>

#include "lib/base/mem.h"

#ifdef HAVE_ISAL
#include <isa-l.h>
#else
#include <zlib.h>
#endif

/* The decoder that was built in, behind three functions: start a member, step, end. */
struct gunzip {
#ifdef HAVE_ISAL
    struct inflate_state inflate;
#else
    z_stream inflate;
#endif
    bool inside; /* a member has begun and not ended */
    bool any;    /* one has ended */
    size_t seen; /* bytes of the member's header taken so far, no more than 4 are counted */
};

#ifdef HAVE_ISAL
struct gunzip *gunzip_new(void)
{
    return mem_alloc(sizeof(struct gunzip));
}

void gunzip_free(struct gunzip *g)
{
    free(g);
}

static void member_begin(struct gunzip *g)
{
    isal_inflate_init(&g->inflate);
    g->inflate.crc_flag = ISAL_GZIP;
}

/* 1: the member has ended. */
static int member_step(struct gunzip *g, const uint8_t **data, size_t *len, uint8_t *out,
                       size_t out_len, size_t *ret_len, struct err *e)
{
    struct inflate_state *s = &g->inflate;

    s->next_in = (uint8_t *)(uintptr_t)*data; /* the interface lacks a const; it only reads */
    s->avail_in = *len < UINT32_MAX ? (uint32_t)*len : UINT32_MAX;
    s->next_out = out;
    s->avail_out = out_len < UINT32_MAX ? (uint32_t)out_len : UINT32_MAX;
    int rc = isal_inflate(s);
    *len -= (size_t)(s->next_in - *data);
    *data = s->next_in;
    *ret_len = (size_t)(s->next_out - out);
    if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT)
        return err_set(e, ERR_DAMAGED, "the compressed stream is damaged (%d)", rc);
    return s->block_state == ISAL_BLOCK_FINISH;
}
#else
struct gunzip *gunzip_new(void)
{
    struct gunzip *g = mem_alloc(sizeof(*g));

    if (inflateInit2(&g->inflate, MAX_WBITS + 16) != Z_OK)
        abort(); /* as mem.h: memory is exhausted */
    return g;
}

void gunzip_free(struct gunzip *g)
{
    if (g == NULL)
        return;
    (void)inflateEnd(&g->inflate);
    free(g);
}

static void member_begin(struct gunzip *g)
{
    (void)inflateReset(&g->inflate);
}

/* 1: the member has ended. */
static int member_step(struct gunzip *g, const uint8_t **data, size_t *len, uint8_t *out,
                       size_t out_len, size_t *ret_len, struct err *e)
{
    z_stream *s = &g->inflate;

    s->next_in = (uint8_t *)(uintptr_t)*data; /* the interface lacks a const; it only reads */
    s->avail_in = *len < UINT_MAX ? (uInt)*len : UINT_MAX;
    s->next_out = out;
    s->avail_out = out_len < UINT_MAX ? (uInt)out_len : UINT_MAX;
    int rc = inflate(s, Z_NO_FLUSH);
    *len -= (size_t)(s->next_in - *data);
    *data = s->next_in;
    *ret_len = (size_t)(s->next_out - out);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return err_set(e, ERR_DAMAGED, "the compressed stream is damaged (%d)", rc);
    return rc == Z_STREAM_END;
}
#endif

/* RFC 1952, 2.3.1.2: reserved flags must be refused; ISA-L ignores them. */
static int check_flags(struct gunzip *g, const uint8_t *data, size_t len, struct err *e)
{
    enum { FLAGS_AT = 3, RESERVED = 0xe0 };

    if (g->seen > FLAGS_AT)
        return 0;
    if (len > FLAGS_AT - g->seen && (data[FLAGS_AT - g->seen] & RESERVED) != 0)
        return err_set(e, ERR_DAMAGED, "the compressed stream is damaged (reserved flags)");
    g->seen += len < FLAGS_AT + 1 - g->seen ? len : FLAGS_AT + 1 - g->seen;
    return 0;
}

int gunzip_run(struct gunzip *g, const uint8_t **data, size_t *len, void *out, size_t out_len,
               size_t *ret_len, struct err *e)
{
    uint8_t *p = out;

    *ret_len = 0;
    while (*ret_len < out_len) {
        size_t before = *len, n = 0;
        if (!g->inside) {
            if (*len == 0)
                break;
            member_begin(g);
            g->inside = true;
            g->seen = 0;
        }
        if (check_flags(g, *data, *len, e) < 0)
            return -1;
        int rc = member_step(g, data, len, p + *ret_len, out_len - *ret_len, &n, e);
        *ret_len += n;
        if (rc < 0)
            return -1;
        if (rc == 1) {
            g->inside = false;
            g->any = true;
        } else if (*len == before && n == 0) {
            break; /* nothing to be had without more input */
        }
    }
    return 0;
}

bool gunzip_at_end(const struct gunzip *g)
{
    return g->any && !g->inside;
}
