#include "lib/repository/chunk_zstd.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "lib/base/mem.h"

enum {
    LEVEL = 1, /* 12 % smaller than gzip -6 on a dump, ten times as fast */
    DELTA_LEVEL = 1,
    CHECK = 1 << 20, /* longer chunks are checked piece by piece */
    SAMPLE = 4096,   /* a sample of each SAMPLE_EVERY bytes */
    SAMPLE_EVERY = 64 << 10,
    SAMPLES_MIN = 3,
    SAMPLE_WORTH = 97 /* percent */
};

struct chunk_zstd {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *expand;
    uint8_t sample[SAMPLE * 2];
    uint8_t *check; /* owned; CHECK bytes */
};

/* Only exhausted memory gets here. */
static void *insist(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct chunk_zstd *chunk_zstd_new(void)
{
    struct chunk_zstd *z = mem_alloc(sizeof(*z));

    z->compress = insist(ZSTD_createCCtx());
    z->expand = insist(ZSTD_createDCtx());
    z->check = mem_room_new(CHECK);
    return z;
}

void chunk_zstd_free(struct chunk_zstd *z)
{
    if (z == NULL)
        return;
    (void)ZSTD_freeCCtx(z->compress);
    (void)ZSTD_freeDCtx(z->expand);
    mem_room_free(z->check, CHECK);
    free(z);
}

/* Enough for history and data, so that the last byte of data still sees the first of the base. */
static int window_log(size_t len)
{
    int log = 10;

    while (log < CHUNK_WINDOW_LOG_MAX && (size_t)1 << log < len)
        log++;
    return log;
}

static size_t set_up_delta(ZSTD_CCtx *c, const void *base, size_t base_len, size_t len)
{
    const struct {
        ZSTD_cParameter what;
        int value;
    } wanted[] = {{ZSTD_c_compressionLevel, DELTA_LEVEL},
                  {ZSTD_c_enableLongDistanceMatching, 1},
                  {ZSTD_c_windowLog, window_log(base_len + len)}};
    size_t rc = 0;

    for (size_t i = 0; i < ARRAY_LEN(wanted) && !ZSTD_isError(rc); i++)
        rc = ZSTD_CCtx_setParameter(c, wanted[i].what, wanted[i].value);
    return ZSTD_isError(rc) ? rc : ZSTD_CCtx_refPrefix(c, base, base_len); /* raw content */
}

int chunk_zstd_compress(struct chunk_zstd *z, const void *data, size_t len, const void *base,
                        size_t base_len, void *out, size_t out_max, size_t *ret_len, struct err *e)
{
    size_t rc = ZSTD_CCtx_reset(z->compress, ZSTD_reset_session_and_parameters);

    if (!ZSTD_isError(rc) && base != NULL)
        rc = set_up_delta(z->compress, base, base_len, len);
    else if (!ZSTD_isError(rc))
        rc = ZSTD_CCtx_setParameter(z->compress, ZSTD_c_compressionLevel, LEVEL);
    if (!ZSTD_isError(rc))
        rc = ZSTD_compress2(z->compress, out, out_max, data, len);
    if (!ZSTD_isError(rc)) {
        *ret_len = rc;
        return 0;
    }
    if (ZSTD_getErrorCode(rc) == ZSTD_error_dstSize_tooSmall)
        return 1;
    return err_set(e, ERR_INTERNAL, "compress %zu bytes: %s", len, ZSTD_getErrorName(rc));
}

/* RFC 8878, 3.1.1.1: no frame of a dictionary, no window beyond what any writer uses. (When a
 * whole frame is expanded at once, its window costs nothing; a stranger's reader may stream.) */
static bool is_plain_frame(const uint8_t *frame, size_t len)
{
    enum { MAGIC = 4, SINGLE_SEGMENT = 0x20, RESERVED = 0x08, DICTIONARY = 0x03 };

    if (len < MAGIC + 2 || frame[0] != 0x28 || frame[1] != 0xb5 || frame[2] != 0x2f ||
        frame[3] != 0xfd)
        return false;
    if ((frame[MAGIC] & (RESERVED | DICTIONARY)) != 0)
        return false;
    if ((frame[MAGIC] & SINGLE_SEGMENT) != 0)
        return true; /* the window is the content */
    unsigned log = 10 + (frame[MAGIC + 1] >> 3), eighths = frame[MAGIC + 1] & 7;
    return log < CHUNK_WINDOW_LOG_MAX || (log == CHUNK_WINDOW_LOG_MAX && eighths == 0);
}

int chunk_zstd_expand(struct chunk_zstd *z, const void *frame, size_t frame_len, const void *base,
                      size_t base_len, void *out, size_t len, struct err *e)
{
    size_t rc;

    if (!is_plain_frame(frame, frame_len) ||
        ZSTD_findFrameCompressedSize(frame, frame_len) != frame_len)
        return err_set(e, ERR_DAMAGED, "its compressed form is not one zstd frame");
    rc = ZSTD_DCtx_reset(z->expand, ZSTD_reset_session_and_parameters);
    if (!ZSTD_isError(rc) && base != NULL)
        rc = ZSTD_DCtx_refPrefix(z->expand, base, base_len);
    if (!ZSTD_isError(rc))
        rc = ZSTD_decompressDCtx(z->expand, out, len, frame, frame_len);
    if (ZSTD_isError(rc))
        return err_set(e, ERR_DAMAGED, "its compressed form does not decode: %s",
                       ZSTD_getErrorName(rc));
    if (rc != len)
        return err_set(e, ERR_DAMAGED, "it decodes to %zu bytes instead of %zu", rc, len);
    return 0;
}

static int other_bytes(struct err *e)
{
    return err_set(e, ERR_DAMAGED, "it decodes to other bytes (check the memory of this machine)");
}

static int check_at_once(struct chunk_zstd *z, const void *frame, size_t frame_len,
                         const void *base, size_t base_len, uint8_t *room, const void *data,
                         size_t len, struct err *e)
{
    if (chunk_zstd_expand(z, frame, frame_len, base, base_len, room, len, e) < 0)
        return -1;
    return memcmp(room, data, len) == 0 ? 0 : other_bytes(e);
}

/* Takes the memory of the frame's window, 512 KiB, instead of all that it expands to. */
static int check_in_pieces(struct chunk_zstd *z, const void *frame, size_t frame_len,
                           const void *data, size_t len, struct err *e)
{
    ZSTD_inBuffer in = {.src = frame, .size = frame_len};
    size_t done = 0, rc = ZSTD_DCtx_reset(z->expand, ZSTD_reset_session_and_parameters);

    do {
        ZSTD_outBuffer out = {.dst = z->check, .size = len - done < CHECK ? len - done : CHECK};
        if (!ZSTD_isError(rc))
            rc = ZSTD_decompressStream(z->expand, &out, &in);
        if (ZSTD_isError(rc))
            return err_set(e, ERR_DAMAGED, "it does not decode: %s", ZSTD_getErrorName(rc));
        if (memcmp(z->check, (const uint8_t *)data + done, out.pos) != 0 || out.pos == 0)
            return other_bytes(e);
        done += out.pos;
    } while (done < len);
    return rc == 0 && in.pos == in.size ? 0 : other_bytes(e);
}

int chunk_zstd_check(struct chunk_zstd *z, const void *frame, size_t frame_len, const void *base,
                     size_t base_len, const void *data, size_t len, struct err *e)
{
    if (len <= CHECK)
        return check_at_once(z, frame, frame_len, base, base_len, z->check, data, len, e);
    if (base == NULL)
        return check_in_pieces(z, frame, frame_len, data, len, e);
    uint8_t *room = mem_room_new(len);
    int rc = check_at_once(z, frame, frame_len, base, base_len, room, data, len, e);
    mem_room_free(room, len);
    return rc;
}

bool chunk_zstd_worthwhile(struct chunk_zstd *z, const void *data, size_t len)
{
    size_t samples = len / SAMPLE_EVERY > SAMPLES_MIN ? len / SAMPLE_EVERY : SAMPLES_MIN;
    size_t made = 0;

    if (len < samples * SAMPLE * 2)
        return true; /* to try costs no more than to sample */
    for (size_t i = 0; i < samples; i++) {
        const uint8_t *at = (const uint8_t *)data + (len - SAMPLE) / (samples - 1) * i;
        size_t rc = ZSTD_compressCCtx(z->compress, z->sample, sizeof(z->sample), at, SAMPLE, LEVEL);
        if (ZSTD_isError(rc))
            return true; /* chunk_zstd_compress says why */
        made += rc;
    }
    return made * 100 < samples * SAMPLE * SAMPLE_WORTH;
}
