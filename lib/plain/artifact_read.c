/* artifact_read.c — reading: segments are fetched whole, checked, and only then decrypted and
 * decompressed, so that nothing but what was written ever reaches a parser. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/artifact.h"
#include "lib/plain/cipher.h"
#include "lib/plain/digest.h"
#include "lib/plain/gunzip.h"
#include "lib/plain/segment_reader.h"

enum { PLAIN_PIECE = 256 << 10 };

struct artifact_reader {
    struct segment_reader *segments;
    const struct secret *key;
    struct cipher *cipher; /* NULL: not encrypted, or not begun */
    struct gunzip *gunzip; /* NULL: not compressed */
    char *name;            /* owned, for messages */

    const uint8_t *stored; /* what is left of the segment at hand */
    size_t stored_len;
    uint8_t *clear; /* owned: a piece decrypted from it */
    const uint8_t *clear_at;
    size_t clear_len;
    bool ended;   /* the last segment was used up and the cipher finished */
    bool started; /* the first bytes have been looked at */
};

int artifact_open(struct artifact_reader **ret, const struct artifact_source *src, struct err *e)
{
    struct artifact_reader *r = mem_alloc(sizeof(*r));

    r->key = src->key;
    r->name = mem_printf("%s/%s", src->set_prefix,
                         src->volume_count > 0 ? src->volumes[0].name : "(no volume)");
    if (segment_reader_open(src, SEGMENTS_ALL, &r->segments, e) < 0) {
        artifact_close(r);
        return -1;
    }
    if (src->gzip)
        r->gunzip = gunzip_new();
    if (src->key != NULL)
        r->clear = mem_alloc(PLAIN_PIECE + CIPHER_BLOCK);
    *ret = r;
    return 0;
}

static int fetch_stored(struct artifact_reader *r, bool *end, struct err *e)
{
    int rc = 0;

    if (r->stored_len == 0)
        rc = segment_reader_next(r->segments, &r->stored, &r->stored_len, e);
    *end = rc == 1;
    return rc < 0 ? -1 : 0;
}

static int start_cipher(struct artifact_reader *r, struct err *e)
{
    /* a segment is shorter than this only when it is the last */
    if (r->stored_len < CIPHER_HEADER)
        return err_set(e, ERR_DAMAGED, "%s: too short for an encrypted stream", r->name);
    if (cipher_decrypt_new(r->key, r->stored, &r->cipher, e) < 0)
        return err_wrap(e, "%s", r->name);
    r->stored += CIPHER_HEADER;
    r->stored_len -= CIPHER_HEADER;
    return 0;
}

static int end_of_cipher(struct artifact_reader *r, struct err *e)
{
    r->ended = true;
    if (r->cipher == NULL)
        return err_set(e, ERR_DAMAGED, "%s: too short for an encrypted stream", r->name);
    if (cipher_final(r->cipher, r->clear, &r->clear_len, e) < 0)
        return err_wrap(e, "%s", r->name);
    r->clear_at = r->clear;
    return 0;
}

/* More clear bytes at clear_at, or ended. */
static int fetch_clear(struct artifact_reader *r, struct err *e)
{
    bool end;

    while (r->clear_len == 0 && !r->ended) {
        if (fetch_stored(r, &end, e) < 0)
            return -1;
        if (r->key == NULL) {
            r->ended = end;
            r->clear_at = r->stored;
            r->clear_len = r->stored_len;
            r->stored_len = 0;
            continue;
        }
        if (end)
            return end_of_cipher(r, e);
        if (r->cipher == NULL && start_cipher(r, e) < 0)
            return -1;
        size_t n = r->stored_len < PLAIN_PIECE ? r->stored_len : PLAIN_PIECE;
        if (cipher_update(r->cipher, r->stored, n, r->clear, &r->clear_len, e) < 0)
            return err_wrap(e, "%s", r->name);
        r->stored += n;
        r->stored_len -= n;
        r->clear_at = r->clear;
    }
    return 0;
}

/* The stored bytes are proven by now: if they do not begin as gzip does, the key is wrong. */
static int look_at_start(struct artifact_reader *r, struct err *e)
{
    r->started = true;
    if (r->gunzip == NULL || r->key == NULL || r->clear_len < 2 ||
        (r->clear_at[0] == 0x1f && r->clear_at[1] == 0x8b))
        return 0;
    return err_set(e, ERR_KEY, "%s: the key does not fit: decryption gives nonsense", r->name);
}

static int read_gzip(struct artifact_reader *r, uint8_t *data, size_t len, size_t *ret_len,
                     struct err *e)
{
    while (*ret_len < len) {
        size_t n;
        if (fetch_clear(r, e) < 0)
            return -1;
        if (!r->started && look_at_start(r, e) < 0)
            return -1;
        bool last = r->clear_len == 0;
        if (gunzip_run(r->gunzip, &r->clear_at, &r->clear_len, data + *ret_len, len - *ret_len, &n,
                       e) < 0)
            return err_wrap(e, "%s", r->name);
        *ret_len += n;
        if (!last || n > 0)
            continue;
        if (!gunzip_at_end(r->gunzip))
            return err_set(e, ERR_DAMAGED, "%s: the compressed stream ends too early", r->name);
        break;
    }
    return 0;
}

static int read_clear(struct artifact_reader *r, uint8_t *data, size_t len, size_t *ret_len,
                      struct err *e)
{
    while (*ret_len < len) {
        if (fetch_clear(r, e) < 0)
            return -1;
        if (r->clear_len == 0)
            break;
        size_t n = r->clear_len < len - *ret_len ? r->clear_len : len - *ret_len;
        memcpy(data + *ret_len, r->clear_at, n);
        r->clear_at += n;
        r->clear_len -= n;
        *ret_len += n;
    }
    return 0;
}

int artifact_read(struct artifact_reader *r, void *data, size_t len, size_t *ret_len, struct err *e)
{
    *ret_len = 0;
    return r->gunzip != NULL ? read_gzip(r, data, len, ret_len, e)
                             : read_clear(r, data, len, ret_len, e);
}

uint64_t artifact_read_stored(const struct artifact_reader *r)
{
    return segment_reader_done(r->segments);
}

void artifact_close(struct artifact_reader *r)
{
    if (r == NULL)
        return;
    segment_reader_close(r->segments);
    cipher_free(r->cipher);
    gunzip_free(r->gunzip);
    if (r->clear != NULL)
        mem_wipe(r->clear, PLAIN_PIECE);
    free(r->clear);
    free(r->name);
    free(r);
}

/* Only the volumes' own digests are left to compare when every segment was right. */
static int check_volume(const struct artifact_source *src, size_t volume, struct digest *d,
                        struct err *e)
{
    uint8_t sha256[STORE_DIGEST_LEN];

    digest_take(d, sha256);
    if (memcmp(sha256, src->volumes[volume].sha256, sizeof(sha256)) != 0)
        return err_set(e, ERR_DAMAGED, "%s/%s: its SHA-256 is not that of the manifest",
                       src->set_prefix, src->volumes[volume].name);
    return 0;
}

static int verify_all(const struct artifact_source *src, struct segment_reader *r, struct digest *d,
                      artifact_progress_cb *progress, void *arg, struct err *e)
{
    const uint8_t *data;
    size_t len, volume = 0;
    uint64_t in_volume = 0;
    int rc;

    while ((rc = segment_reader_next(r, &data, &len, e)) == 0) {
        while (in_volume == src->volumes[volume].size) {
            if (check_volume(src, volume++, d, e) < 0)
                return -1;
            in_volume = 0;
        }
        digest_update(d, data, len);
        in_volume += len;
        if (progress != NULL && !progress(arg, segment_reader_done(r)))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
    if (rc < 0)
        return -1;
    for (; volume < src->volume_count; volume++)
        if (check_volume(src, volume, d, e) < 0)
            return -1;
    return 0;
}

int artifact_verify(const struct artifact_source *src, artifact_progress_cb *progress, void *arg,
                    struct err *e)
{
    struct segment_reader *r = NULL;

    if (segment_reader_open(src, SEGMENTS_ALL, &r, e) < 0)
        return -1;
    struct digest *d = digest_new();
    int rc = verify_all(src, r, d, progress, arg, e);
    digest_free(d);
    segment_reader_close(r);
    return rc;
}

int artifact_verify_segments(const struct artifact_source *src, size_t first, size_t count,
                             artifact_progress_cb *progress, void *arg, struct err *e)
{
    struct segment_reader *r = NULL;
    const uint8_t *data;
    size_t len;
    int rc;

    if (segment_reader_open(src, SEGMENTS_SOME, &r, e) < 0)
        return -1;
    segment_reader_select(r, first, count);
    while ((rc = segment_reader_next(r, &data, &len, e)) == 0)
        if (progress != NULL && !progress(arg, segment_reader_done(r))) {
            rc = err_set(e, ERR_CANCELLED, "cancelled");
            break;
        }
    segment_reader_close(r);
    return rc < 0 ? -1 : 0;
}
