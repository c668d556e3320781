#include "lib/plain/set_verify.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/digest.h"
#include "lib/store/listing.h"
#include "lib/plain/segment_reader.h"

enum { TEXT_LIMIT = 16 << 20, STRAYS_MAX = 10 };

struct relay { /* progress of one artifact to progress of the set */
    artifact_progress_cb *progress;
    void *arg;
    uint64_t before, last; /* of earlier artifacts; of this one */
};

static bool relay_progress(void *arg, uint64_t stored_bytes)
{
    struct relay *r = arg;

    r->last = stored_bytes;
    return r->progress == NULL || r->progress(r->arg, r->before + stored_bytes);
}

static int verify_file(struct store *s, const char *prefix, const struct artifact_volume *v,
                       struct err *e)
{
    struct buf bytes = BUF_INIT(TEXT_LIMIT);
    uint8_t sha256[STORE_DIGEST_LEN];

    if (v->name == NULL)
        return err_set(e, ERR_DAMAGED, "%s: the manifest lacks SHA256SUMS or MANIFEST.txt", prefix);
    _cleanup_free_ char *name = mem_printf("%s/%s", prefix, v->name);
    int rc = store_get_bytes(s, name, &bytes, e);
    if (rc == 0) {
        digest_bytes(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len, sha256);
        if (bytes.len != v->size || memcmp(sha256, v->sha256, sizeof(sha256)) != 0)
            rc = err_set(e, ERR_DAMAGED, "%s: it is not what was written", name);
    } else if (e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_LIMIT)) {
        e->code = ERR_DAMAGED; /* the manifest says that it was written, and how long it is */
    }
    buf_deinit(&bytes);
    return rc;
}

/* The segments of an artifact that begin between two bytes of the set; it begins at byte `base` of it. */
static void find_segments(const struct manifest_artifact *a, uint64_t base, uint64_t from,
                          uint64_t to, size_t *ret_first, size_t *ret_count)
{
    size_t first = 0, count = 0;

    for (size_t v = 0; v < a->volume_count; v++) {
        for (uint64_t i = 0; i < segment_count(&a->volumes[v]); i++) {
            uint64_t at = base + i * ARTIFACT_SEGMENT;
            first += at < from;
            count += at >= from && at < to;
        }
        base += a->volumes[v].size;
    }
    *ret_first = first;
    *ret_count = count;
}

/* The first byte at or behind a place between 0 and SET_VERIFY_END. */
static uint64_t byte_at(uint64_t place, uint64_t size)
{
    unsigned __int128 product = (unsigned __int128)place * size;

    return (uint64_t)((product + SET_VERIFY_END - 1) / SET_VERIFY_END);
}

int set_verify_part(struct store *s, const struct manifest *m, uint64_t from, uint64_t to,
                    artifact_progress_cb *progress, void *arg, uint64_t *ret_bytes, struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/%s", m->job, m->id);
    const uint64_t size = set_verify_size(m), begin = byte_at(from, size), end = byte_at(to, size);
    struct relay relay = {.progress = progress, .arg = arg};
    uint64_t base = 0;
    size_t first, count;

    if (verify_file(s, prefix, &m->text, e) < 0 || verify_file(s, prefix, &m->sums, e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        const struct manifest_artifact *a = &m->artifacts[i];
        find_segments(a, base, begin, end, &first, &count);
        base += a->stored_bytes;
        if (count == 0)
            continue;
        struct artifact_source src = manifest_artifact_source(a, s, prefix, NULL);
        if (artifact_verify_segments(&src, first, count, relay_progress, &relay, e) < 0)
            return -1;
        relay.before += relay.last;
    }
    *ret_bytes = relay.before;
    return 0;
}

int set_verify(struct store *s, const struct manifest *m, artifact_progress_cb *progress, void *arg,
               struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/%s", m->job, m->id);
    struct relay relay = {.progress = progress, .arg = arg};

    if (verify_file(s, prefix, &m->text, e) < 0 || verify_file(s, prefix, &m->sums, e) < 0)
        return -1;
    for (size_t i = 0; i < m->artifact_count; i++) {
        struct artifact_source src = manifest_artifact_source(&m->artifacts[i], s, prefix, NULL);
        if (artifact_verify(&src, relay_progress, &relay, e) < 0)
            return -1;
        relay.before += m->artifacts[i].stored_bytes;
    }
    return 0;
}

uint64_t set_verify_size(const struct manifest *m)
{
    uint64_t total = 0;

    for (size_t i = 0; i < m->artifact_count; i++)
        total += m->artifacts[i].stored_bytes;
    return total;
}

int set_verify_strays(struct store *s, const struct manifest *m, struct strlist *ret, struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/%s/", m->job, m->id);
    _cleanup_(store_listing_deinit) struct store_listing list = {.store = s, .prefix = prefix};
    _cleanup_json_ json_t *names = manifest_names(m);
    struct store_object *x;
    int rc = 0;

    while (ret->count < STRAYS_MAX && (rc = store_listing_next(&list, &x, e)) == 0)
        if (json_object_get(names, x->name + strlen(prefix)) == NULL)
            strlist_take(ret, str_printable(x->name, strlen(x->name)));
    return rc < 0 ? -1 : 0;
}
