#include "lib/plain/stream.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/plain/digest_pair.h"
#include "lib/plain/feed.h"

struct target {
    struct stream_target to;
    struct store_put *put; /* of the open volume */
    bool failed;
    struct err error;
};

struct stream {
    struct ring *ring;
    size_t reader;
    struct feed *feed; /* NULL: not encrypted */
    char *name;        /* owned */
    uint64_t volume_bytes;
    struct target *targets;
    size_t target_count, alive;

    struct artifact_volume *volumes; /* those finished */
    size_t volume_count;
    uint64_t volume_size; /* bytes in the open volume */
    bool open;
    struct digest_pair *digests;
    uint64_t segment_size;
    struct buf segments;
    struct artifact_volume segments_object;
    struct err error; /* of the stream itself, not of a target */
    pthread_t thread;
};

static char *object_name(const struct target *t, const char *name)
{
    return mem_printf("%s/%s", t->to.set_prefix, name);
}

static void fail_target(struct stream *s, struct target *t, const struct err *why)
{
    store_put_abort(TAKE(t->put));
    t->failed = true;
    t->error = *why;
    s->alive--;
}

/* Do one thing at every target still alive; those where it fails drop out. */
#define AT_EACH_TARGET(s, t, call)                                                                 \
    for (size_t i_ = 0; i_ < (s)->target_count; i_++) {                                            \
        struct target *t = &(s)->targets[i_];                                                      \
        struct err e_ = {0}, *e = &e_;                                                             \
        if (!t->failed && (call) < 0)                                                              \
            fail_target((s), t, e);                                                                \
    }

/* What is committed is never written to again, whatever id a caller comes with. */
static int check_uncommitted(const struct target *t, struct err *e)
{
    _cleanup_free_ char *object = object_name(t, "manifest.json");
    struct store_object o;
    struct err why = {0};

    if (store_stat(t->to.store, object, &o, &why) == 0)
        return err_set(e, ERR_EXISTS, "%s: the set %s is committed already",
                       store_place(t->to.store), t->to.set_prefix);
    return why.code == ERR_NOT_FOUND ? 0 : err_set(e, why.code, "%s", why.text);
}

static int put_begin(struct target *t, const char *name, struct err *e)
{
    _cleanup_free_ char *object = object_name(t, name);

    return store_put_begin(t->to.store, object, STORE_AFRESH, &t->put, e);
}

static int put_commit(struct target *t, const char *name, struct err *e)
{
    _cleanup_free_ char *object = object_name(t, name);

    return store_put_commit(TAKE(t->put), object, STORE_REPLACE, e);
}

static void seal_segment(struct stream *s)
{
    uint8_t digest[STORE_DIGEST_LEN];

    if (s->segment_size == 0)
        return;
    digest_pair_take_segment(s->digests, digest);
    s->segment_size = 0;
    AT_EACH_TARGET(s, t, store_put_seal(t->put, digest, e));
    if (buf_append(&s->segments, digest, sizeof(digest), &s->error) < 0) {
        (void)err_wrap(&s->error, "%s: too large for the format", s->name);
        s->alive = 0;
    }
}

static void open_volume(struct stream *s)
{
    _cleanup_free_ char *name = artifact_volume_name(s->name, s->volume_count);

    AT_EACH_TARGET(s, t, put_begin(t, name, e));
    s->open = true;
    s->volume_size = 0;
}

static void close_volume(struct stream *s)
{
    s->volumes = mem_resize_array(s->volumes, s->volume_count + 1, sizeof(*s->volumes));
    struct artifact_volume *v = &s->volumes[s->volume_count];

    seal_segment(s);
    *v = (struct artifact_volume){.name = artifact_volume_name(s->name, s->volume_count),
                                  .size = s->volume_size};
    digest_pair_take_volume(s->digests, v->sha256);
    AT_EACH_TARGET(s, t, put_commit(t, v->name, e));
    s->volume_count++;
    s->open = false;
}

static void take_piece(struct stream *s, const uint8_t *data, size_t len)
{
    while (len > 0 && s->alive > 0) {
        if (s->open && s->volume_size == s->volume_bytes)
            close_volume(s);
        if (!s->open)
            open_volume(s);
        uint64_t room = s->volume_bytes - s->volume_size;
        uint64_t segment_room = ARTIFACT_SEGMENT - s->segment_size;
        if (room > segment_room)
            room = segment_room;
        size_t n = len < room ? len : (size_t)room;
        digest_pair_update(s->digests, data, n);
        AT_EACH_TARGET(s, t, store_put_write(t->put, data, n, e));
        s->volume_size += n;
        s->segment_size += n;
        if (s->segment_size == ARTIFACT_SEGMENT)
            seal_segment(s);
        data += n;
        len -= n;
    }
}

static int put_segments(const struct stream *s, const struct target *t, struct err *e)
{
    _cleanup_free_ char *object = object_name(t, s->segments_object.name);

    return store_put_bytes(t->to.store, object, s->segments.data, s->segments.len, STORE_REPLACE,
                           e);
}

static void finish(struct stream *s)
{
    if (!s->open && s->volume_count == 0)
        open_volume(s); /* an empty artifact is one empty volume */
    close_volume(s);
    s->segments_object.name = mem_printf("%s.segments", s->name);
    s->segments_object.size = s->segments.len;
    digest_bytes(s->segments.data != NULL ? (const void *)s->segments.data : "", s->segments.len,
                 s->segments_object.sha256);
    AT_EACH_TARGET(s, t, put_segments(s, t, e));
}

static void *stream_main(void *arg)
{
    struct stream *s = arg;
    const uint8_t *data;
    size_t len;
    int rc = 0;

    AT_EACH_TARGET(s, t, check_uncommitted(t, e));
    while (s->alive > 0 &&
           (rc = s->feed != NULL ? feed_next(s->feed, &data, &len, &s->error)
                                 : ring_next(s->ring, s->reader, &data, &len, &s->error)) == 0) {
        take_piece(s, data, len);
    }
    if (rc == 1)
        finish(s);
    ring_leave(s->ring, s->reader);
    return NULL;
}

static void stream_free(struct stream *s)
{
    for (size_t i = 0; i < s->target_count; i++)
        store_put_abort(s->targets[i].put);
    for (size_t i = 0; i < s->volume_count; i++)
        free(s->volumes[i].name);
    free(s->volumes);
    free(s->segments_object.name);
    free(s->targets);
    free(s->name);
    buf_deinit(&s->segments);
    digest_pair_free(s->digests);
    free(s);
}

int stream_start(struct ring *ring, size_t reader, const char *name, const struct secret *key,
                 uint64_t volume_bytes, const struct stream_target *targets, size_t target_count,
                 struct stream **ret, struct err *e)
{
    struct stream *s = mem_alloc(sizeof(*s));

    s->ring = ring;
    s->reader = reader;
    s->name = mem_strdup(name);
    s->volume_bytes = volume_bytes;
    s->targets = mem_alloc(target_count * sizeof(*s->targets));
    s->target_count = s->alive = target_count;
    for (size_t i = 0; i < target_count; i++)
        s->targets[i].to = targets[i];
    s->digests = digest_pair_new();
    s->segments = BUF_INIT(ARTIFACT_SEGMENTS_MAX);
    if (key != NULL && feed_start(ring, reader, key, &s->feed, e) < 0) {
        stream_free(s);
        return -1;
    }
    int rc = pthread_create(&s->thread, NULL, stream_main, s);
    if (rc != 0) {
        feed_free(s->feed);
        stream_free(s);
        return err_sys(e, ERR_IO, rc, "start a thread");
    }
    *ret = s;
    return 0;
}

/* The set may yet be committed with the other sources: no volume without a manifest may stay. */
static void remove_volumes(const struct stream *s, const struct target *t)
{
    for (size_t i = 0; i < s->volume_count; i++) {
        _cleanup_free_ char *object = object_name(t, s->volumes[i].name);
        if (store_delete(t->to.store, object, NULL) < 0)
            continue; /* commit and the sweep look for such remains */
    }
}

static void fill_result(const struct stream *s, struct artifact_result *r)
{
    r->volumes = mem_alloc(s->volume_count * sizeof(*r->volumes));
    r->volume_count = s->volume_count;
    for (size_t i = 0; i < s->volume_count; i++) {
        r->volumes[i] = s->volumes[i];
        r->volumes[i].name = mem_strdup(s->volumes[i].name);
        r->stored_bytes += s->volumes[i].size;
    }
    r->segments = s->segments_object;
    r->segments.name = mem_strdup(s->segments_object.name);
}

void stream_join(struct stream *s, bool keep)
{
    (void)pthread_join(s->thread, NULL);
    feed_free(s->feed);
    for (size_t i = 0; i < s->target_count; i++) {
        struct target *t = &s->targets[i];
        bool whole = keep && !t->failed && s->error.code == ERR_NONE;
        if (!whole) {
            store_put_abort(TAKE(t->put));
            if (t->error.code != ERR_EXISTS) /* then they are another set's */
                remove_volumes(s, t);
        }
        if (!keep)
            continue;
        if (whole) {
            fill_result(s, t->to.result);
        } else {
            t->to.result->failed = true;
            t->to.result->error = t->failed ? t->error : s->error;
        }
    }
    stream_free(s);
}
