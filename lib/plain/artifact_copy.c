/* artifact_copy.c — volume by volume, byte for byte. */
#include "lib/plain/artifact_copy.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/digest.h"
#include "lib/plain/segment_reader.h"

bool artifact_copy_fits(const struct artifact_source *from, const struct artifact_target *to)
{
    for (size_t i = 0; i < from->volume_count; i++)
        if (from->volumes[i].size > to->volume_bytes)
            return false;
    return from->gzip == to->codec.gzip && secret_equal(from->key, to->codec.key);
}

static char *object_name(const struct artifact_copy *c, const struct artifact_volume *v)
{
    return mem_printf("%s/%s", c->to->set_prefix, v->name);
}

static bool lies_there(const struct artifact_copy *c, const struct artifact_volume *v)
{
    const json_t *size = json_object_get(c->there, v->name);

    return json_is_integer(size) && json_integer_value(size) == (json_int_t)v->size;
}

/* All segments of one volume from where r stands, and to `put`, if that is not NULL. `digests`:
 * those of the segments. */
static int walk_volume(const struct artifact_copy *c, struct segment_reader *r,
                       const struct artifact_volume *v, const uint8_t *digests,
                       struct store_put *put, uint64_t before, struct err *e)
{
    struct digest *whole = digest_new();
    uint8_t sha256[STORE_DIGEST_LEN];
    const uint8_t *data;
    uint64_t done = 0;
    size_t len;
    int rc = 0;

    while (rc == 0 && done < v->size) {
        if ((rc = segment_reader_next(r, &data, &len, e)) != 0)
            break;
        digest_update(whole, data, len);
        if (put != NULL &&
            (store_put_write(put, data, len, e) < 0 || store_put_seal(put, digests, e) < 0))
            rc = -1;
        digests += STORE_DIGEST_LEN;
        done += len;
        if (rc == 0 && c->progress != NULL && !c->progress(c->arg, before + done))
            rc = err_set(e, ERR_CANCELLED, "cancelled");
    }
    digest_take(whole, sha256);
    digest_free(whole);
    if (rc == 0 && memcmp(sha256, v->sha256, sizeof(sha256)) != 0)
        rc = err_set(e, ERR_DAMAGED, "%s: its SHA-256 is not that of the manifest", v->name);
    return rc;
}

/* Is this a finding about what lies at the target, which is then replaced? */
static bool is_finding(const struct err *why)
{
    return why->code == ERR_DAMAGED || why->code == ERR_NOT_FOUND || why->code == ERR_IO;
}

/* Remains of a copy that was cut off, or of a live feed, whose salt is another: the bytes tell. */
static int compare_volume(const struct artifact_copy *c, const struct artifact_volume *v,
                          const uint8_t *digests, size_t count, uint64_t before, bool *ret,
                          struct err *e)
{
    const struct artifact_source there = {
        .store = c->to->store, .set_prefix = c->to->set_prefix, .volumes = v, .volume_count = 1};
    struct segment_reader *r = NULL;
    struct err why = {0};

    *ret = false;
    int rc = segment_reader_open_known(&there, digests, count, &r, &why);
    if (rc == 0)
        rc = walk_volume(c, r, v, digests, NULL, before, &why);
    segment_reader_close(r);
    *ret = rc == 0;
    return rc == 0 || is_finding(&why) ? 0 : err_set(e, why.code, "%s", why.text);
}

static int send_volume(struct artifact_copy *c, struct segment_reader *r,
                       const struct artifact_volume *v, const uint8_t *digests, uint64_t before,
                       struct err *e)
{
    _cleanup_free_ char *name = object_name(c, v);
    struct store_put *put = NULL;

    if (store_put_begin(c->to->store, name, STORE_RESUME, &put, e) < 0)
        return -1;
    if (walk_volume(c, r, v, digests, put, before, e) < 0) {
        store_put_abort(put);
        return -1;
    }
    c->sent += v->size;
    return store_put_commit(put, name, STORE_REPLACE, e);
}

static int find_same(const struct artifact_copy *c, const struct artifact_source *from,
                     const struct segment_reader *r, bool *same, struct err *e)
{
    uint64_t before = 0;

    for (size_t i = 0; i < from->volume_count; i++) {
        const struct artifact_volume *v = &from->volumes[i];
        size_t count;
        const uint8_t *digests = segment_reader_digests(r, i, &count);
        if (lies_there(c, v) && compare_volume(c, v, digests, count, before, &same[i], e) < 0)
            return -1;
        before += v->size;
    }
    return 0;
}

/* All is compared before anything is read: else both sides would be read ahead at once. */
static int copy_volumes(struct artifact_copy *c, const struct artifact_source *from,
                        struct segment_reader *r, struct err *e)
{
    _cleanup_free_ bool *same = mem_alloc((from->volume_count + 1) * sizeof(*same));
    uint64_t before = 0;

    if (find_same(c, from, r, same, e) < 0)
        return -1;
    for (size_t i = 0; i < from->volume_count; i++) {
        const struct artifact_volume *v = &from->volumes[i];
        size_t count;
        const uint8_t *digests = segment_reader_digests(r, i, &count);
        if (!same[i] && i > 0 && same[i - 1]) /* not without need: it drops what was read ahead */
            segment_reader_seek(r, i);
        if (!same[i] && send_volume(c, r, v, digests, before, e) < 0)
            return -1;
        before += v->size;
    }
    return 0;
}

static int compare_segments(const struct artifact_copy *c, const struct artifact_volume *v,
                            bool *ret, struct err *e)
{
    _cleanup_free_ char *name = object_name(c, v);
    struct buf bytes = BUF_INIT(v->size + 1);
    uint8_t sha256[STORE_DIGEST_LEN];
    struct err why = {0};
    int rc = store_get_bytes(c->to->store, name, &bytes, &why);

    if (rc == 0)
        digest_bytes(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len, sha256);
    *ret = rc == 0 && bytes.len == v->size && memcmp(sha256, v->sha256, sizeof(sha256)) == 0;
    buf_deinit(&bytes);
    return rc == 0 || is_finding(&why) || why.code == ERR_LIMIT
               ? 0
               : err_set(e, why.code, "%s", why.text);
}

static int copy_segments(struct artifact_copy *c, const struct artifact_source *from,
                         const struct segment_reader *r, struct err *e)
{
    const struct artifact_volume *v = from->segments;
    _cleanup_free_ char *name = object_name(c, v);
    size_t count; /* of the first volume: where the digests of all begin */
    const uint8_t *digests = segment_reader_digests(r, 0, &count);
    bool same = false;

    if (lies_there(c, v) && compare_segments(c, v, &same, e) < 0)
        return -1;
    if (same)
        return 0;
    c->sent += v->size;
    return store_put_bytes(c->to->store, name, digests, (size_t)v->size, STORE_REPLACE, e);
}

int artifact_copy_bytes(struct artifact_copy *c, const struct artifact_source *from, struct err *e)
{
    struct segment_reader *r = NULL;

    if (segment_reader_open(from, SEGMENTS_SOME, &r, e) < 0)
        return -1;
    int rc = copy_volumes(c, from, r, e) < 0 ? -1 : copy_segments(c, from, r, e);
    segment_reader_close(r);
    return rc;
}
