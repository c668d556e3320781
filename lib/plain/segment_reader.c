/* segment_reader.c — the happy path is: pieces of the volumes come in order, from a far store several
 * at once; a segment's worth of them is gathered, hashed as it comes, compared, handed out. */
#include "lib/plain/segment_reader.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/together.h"
#include "lib/plain/digest.h"
#include "lib/store/read_ahead.h"

/* Near, a piece stays in the processor's cache until it is hashed. Far, each costs a round trip, and
 * all that are under way together stay within a bound. */
enum { NEAR_PIECE = 1 << 20, FAR_TOGETHER = 64 << 20 };

/* A place in the volumes. */
struct position {
    size_t volume;
    uint64_t offset;
};

struct segment_reader {
    struct artifact_source src; /* what it points to is borrowed */
    struct buf digests;
    size_t next_digest;
    struct position at, asked; /* handed out up to here; asked for ahead of that */
    struct position end;       /* no more is asked for; its volume is behind the last: all */
    size_t piece;
    uint64_t done;
    uint8_t *data; /* owned: room for a segment */
    struct digest *digest;
    struct read_ahead *ahead;
};

/* What is not there, or longer, is damage here: the manifest says that it was written, and how. */
static int missing_is_damage(struct err *e)
{
    if (e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_LIMIT))
        e->code = ERR_DAMAGED;
    return -1;
}

static char *object_name(const struct artifact_source *src, const struct artifact_volume *v)
{
    return mem_printf("%s/%s", src->set_prefix, v->name);
}

uint64_t segment_count(const struct artifact_volume *v)
{
    return v->size / ARTIFACT_SEGMENT + (v->size % ARTIFACT_SEGMENT != 0);
}

static uint64_t segments_of_all(const struct artifact_source *src)
{
    uint64_t count = 0;

    for (size_t i = 0; i < src->volume_count; i++)
        count += segment_count(&src->volumes[i]);
    return count;
}

static int load_digests(struct segment_reader *r, struct err *e)
{
    const struct artifact_source *src = &r->src;
    uint64_t count = segments_of_all(src);
    _cleanup_free_ char *name = object_name(src, src->segments);
    uint8_t sha256[STORE_DIGEST_LEN];

    if (src->segments->size != count * STORE_DIGEST_LEN ||
        count > ARTIFACT_SEGMENTS_MAX / STORE_DIGEST_LEN)
        return err_set(e, ERR_DAMAGED, "%s: the manifest gives it a size that cannot be", name);
    r->digests = BUF_INIT(src->segments->size + 1); /* so that one call tells the end */
    if (store_get_bytes(src->store, name, &r->digests, e) < 0)
        return missing_is_damage(e);
    digest_bytes(r->digests.len > 0 ? (const void *)r->digests.data : "", r->digests.len, sha256);
    if (r->digests.len != src->segments->size ||
        memcmp(sha256, src->segments->sha256, sizeof(sha256)) != 0)
        return err_set(e, ERR_DAMAGED, "%s: it is not what was written", name);
    return 0;
}

/* Bytes from `p` to the end of its segment; 0 at the end of all volumes. */
static size_t left_in_segment(const struct artifact_source *src, struct position *p)
{
    while (p->volume < src->volume_count && p->offset == src->volumes[p->volume].size)
        *p = (struct position){.volume = p->volume + 1};
    if (p->volume == src->volume_count)
        return 0;
    uint64_t in_volume = src->volumes[p->volume].size - p->offset;
    uint64_t in_segment = ARTIFACT_SEGMENT - p->offset % ARTIFACT_SEGMENT;
    return (size_t)(in_volume < in_segment ? in_volume : in_segment);
}

static bool is_at_end(const struct segment_reader *r, const struct position *p)
{
    return p->volume == r->end.volume && p->offset == r->end.offset;
}

static int next_piece(void *arg, struct store_range *ret)
{
    struct segment_reader *r = arg;
    size_t left = left_in_segment(&r->src, &r->asked);

    if (left == 0 || is_at_end(r, &r->asked))
        return 1;
    *ret = (struct store_range){.name = object_name(&r->src, &r->src.volumes[r->asked.volume]),
                                .offset = r->asked.offset,
                                .len = left < r->piece ? left : r->piece};
    r->asked.offset += ret->len;
    return 0;
}

static size_t piece_size(const struct store *s)
{
    size_t parallel = (size_t)store_get_parallel(s), far = FAR_TOGETHER / parallel;

    if (parallel == 1)
        return NEAR_PIECE;
    return far < ARTIFACT_SEGMENT ? far : ARTIFACT_SEGMENT;
}

/* Sets of many small artifacts are common: none of them needs room for a whole segment. */
static size_t largest_segment(const struct artifact_source *src)
{
    uint64_t most = 1;

    for (size_t i = 0; i < src->volume_count; i++)
        if (src->volumes[i].size > most)
            most = src->volumes[i].size;
    return most < ARTIFACT_SEGMENT ? (size_t)most : ARTIFACT_SEGMENT;
}

static struct segment_reader *reader_new(const struct artifact_source *src)
{
    struct segment_reader *r = mem_alloc(sizeof(*r));

    r->src = *src;
    r->end.volume = src->volume_count;
    r->data = mem_alloc(largest_segment(src));
    r->digest = digest_new();
    r->piece = piece_size(src->store);
    r->ahead = read_ahead_new(src->store, r->piece, next_piece, r);
    return r;
}

static int check_sizes(const struct artifact_source *src, struct err *e)
{
    for (size_t i = 0; i < src->volume_count; i++) {
        const struct artifact_volume *v = &src->volumes[i];
        _cleanup_free_ char *name = object_name(src, v);
        struct store_object o;
        if (store_stat(src->store, name, &o, e) < 0)
            return missing_is_damage(e);
        if (o.size != v->size)
            return err_set(e, ERR_DAMAGED, "%s: it has %llu bytes, %llu were written", name,
                           (unsigned long long)o.size, (unsigned long long)v->size);
    }
    return 0;
}

static int check_all_sizes(void *arg, struct err *e)
{
    return check_sizes(arg, e);
}

static int load_all_digests(void *arg, struct err *e)
{
    return load_digests(arg, e);
}

int segment_reader_open(const struct artifact_source *src, enum segment_reader_use use,
                        struct segment_reader **ret, struct err *e)
{
    struct segment_reader *r = reader_new(src);
    struct together calls[] = {{.call = check_all_sizes, .arg = (void *)(uintptr_t)src},
                               {.call = load_all_digests, .arg = r}};

    if (use == SEGMENTS_ALL)
        read_ahead_begin(r->ahead); /* far away, the first bytes come beside what proves them */
    if (together_run(calls, ARRAY_LEN(calls), store_get_parallel(src->store) > 1, e) < 0) {
        segment_reader_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}

int segment_reader_open_known(const struct artifact_source *src, const uint8_t *digests,
                              size_t count, struct segment_reader **ret, struct err *e)
{
    struct segment_reader *r = reader_new(src);
    uint64_t segments = segments_of_all(src);

    r->digests = BUF_INIT(ARTIFACT_SEGMENTS_MAX);
    int rc = check_sizes(src, e);
    if (rc == 0 && segments != count)
        rc = err_set(e, ERR_DAMAGED, "%s/%s: it has %llu segments, not %zu", src->set_prefix,
                     src->volumes[0].name, (unsigned long long)segments, count);
    if (rc == 0)
        rc = buf_append(&r->digests, digests, count * STORE_DIGEST_LEN, e);
    if (rc < 0) {
        segment_reader_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}

static int fetch(struct segment_reader *r, size_t len, struct err *e)
{
    _cleanup_free_ char *name = object_name(&r->src, &r->src.volumes[r->at.volume]);
    uint8_t sha256[STORE_DIGEST_LEN];

    for (size_t at = 0; at < len;) {
        size_t want = len - at < r->piece ? len - at : r->piece, n = 0;
        const uint8_t *piece;
        if (read_ahead_next(r->ahead, &piece, &n, e) < 0)
            return missing_is_damage(e);
        if (n != want)
            return err_set(e, ERR_DAMAGED, "%s: it became shorter while it was read", name);
        memcpy(r->data + at, piece, n);
        digest_update(r->digest, r->data + at, n);
        at += n;
    }
    digest_take(r->digest, sha256);
    if (memcmp(sha256, r->digests.data + r->next_digest * STORE_DIGEST_LEN, sizeof(sha256)) != 0)
        return err_set(e, ERR_DAMAGED, "%s: damaged between byte %llu and %llu", name,
                       (unsigned long long)r->at.offset, (unsigned long long)(r->at.offset + len));
    return 0;
}

int segment_reader_next(struct segment_reader *r, const uint8_t **ret_data, size_t *ret_len,
                        struct err *e)
{
    size_t len = left_in_segment(&r->src, &r->at);

    if (len == 0 || is_at_end(r, &r->at))
        return 1;
    if (fetch(r, len, e) < 0)
        return -1;
    r->next_digest++;
    r->at.offset += len;
    r->done += len;
    *ret_data = r->data;
    *ret_len = len;
    return 0;
}

/* How many segments lie before a volume. */
static size_t segments_before(const struct segment_reader *r, size_t volume)
{
    uint64_t n = 0;

    for (size_t i = 0; i < volume; i++)
        n += segment_count(&r->src.volumes[i]);
    return (size_t)n; /* load_digests has bounded the sum */
}

static struct position position_of(const struct segment_reader *r, size_t segment)
{
    struct position p = {0};

    while (p.volume < r->src.volume_count && segment >= segment_count(&r->src.volumes[p.volume]))
        segment -= (size_t)segment_count(&r->src.volumes[p.volume++]);
    p.offset = segment * (uint64_t)ARTIFACT_SEGMENT;
    return p;
}

static void go_to(struct segment_reader *r, struct position p)
{
    r->at = r->asked = p;
    read_ahead_free(r->ahead); /* what it was about to fetch is not wanted any more */
    r->ahead = read_ahead_new(r->src.store, r->piece, next_piece, r);
}

void segment_reader_seek(struct segment_reader *r, size_t volume)
{
    r->next_digest = segments_before(r, volume);
    go_to(r, (struct position){.volume = volume});
}

void segment_reader_select(struct segment_reader *r, size_t first, size_t count)
{
    r->next_digest = first;
    r->end = position_of(r, first + count);
    go_to(r, position_of(r, first));
}

const uint8_t *segment_reader_digests(const struct segment_reader *r, size_t volume,
                                      size_t *ret_count)
{
    *ret_count = (size_t)segment_count(&r->src.volumes[volume]);
    return r->digests.data + segments_before(r, volume) * STORE_DIGEST_LEN;
}

uint64_t segment_reader_done(const struct segment_reader *r)
{
    return r->done;
}

void segment_reader_close(struct segment_reader *r)
{
    if (r == NULL)
        return;
    read_ahead_free(r->ahead);
    digest_free(r->digest);
    buf_deinit(&r->digests);
    free(r->data);
    free(r);
}
