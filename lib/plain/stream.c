#include "lib/plain/stream.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/together.h"
#include "lib/plain/digest.h"
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
    struct feed *feed;
    char *name; /* owned */
    struct target *targets;
    size_t target_count, alive;

    struct artifact_volume *volumes; /* those finished */
    size_t volume_count;
    uint64_t volume_size; /* bytes in the open volume */
    bool open;
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

static void seal_segment(struct stream *s, const uint8_t digest[STORE_DIGEST_LEN])
{
    AT_EACH_TARGET(s, t, store_put_seal(t->put, digest, e));
    if (buf_append(&s->segments, digest, STORE_DIGEST_LEN, &s->error) < 0) {
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

static void describe_segments(struct stream *s)
{
    s->segments_object.name = mem_printf("%s.segments", s->name);
    s->segments_object.size = s->segments.len;
    digest_bytes(s->segments.data != NULL ? (const void *)s->segments.data : "", s->segments.len,
                 s->segments_object.sha256);
}

/* What the end of a stream has left to do at one target. */
struct ending {
    const struct stream *stream;
    struct target *target;
};

static int put_last_volume(void *arg, struct err *e)
{
    const struct ending *x = arg;

    return put_commit(x->target, x->stream->volumes[x->stream->volume_count - 1].name, e);
}

static int put_segments(void *arg, struct err *e)
{
    const struct ending *x = arg;
    const struct stream *s = x->stream;
    _cleanup_free_ char *object = object_name(x->target, s->segments_object.name);

    return store_put_bytes(x->target->to.store, object, s->segments.data, s->segments.len,
                           STORE_REPLACE, e);
}

/* Far away each of the two is several round trips, and neither needs the other. */
static int end_at(const struct stream *s, struct target *t, struct err *e)
{
    struct ending x = {s, t};
    struct together calls[] = {{.call = put_last_volume, .arg = &x},
                               {.call = put_segments, .arg = &x}};

    return together_run(calls, ARRAY_LEN(calls), store_get_parallel(t->to.store) > 1, e);
}

static void close_volume(struct stream *s, const uint8_t digest[STORE_DIGEST_LEN], bool last)
{
    s->volumes = mem_resize_array(s->volumes, s->volume_count + 1, sizeof(*s->volumes));
    struct artifact_volume *v = &s->volumes[s->volume_count];

    *v = (struct artifact_volume){.name = artifact_volume_name(s->name, s->volume_count),
                                  .size = s->volume_size};
    memcpy(v->sha256, digest, STORE_DIGEST_LEN);
    s->volume_count++;
    s->open = false;
    if (last) {
        describe_segments(s);
        AT_EACH_TARGET(s, t, end_at(s, t, e));
    } else {
        AT_EACH_TARGET(s, t, put_commit(t, v->name, e));
    }
}

static void take_piece(struct stream *s, const struct feed_piece *p)
{
    if (!s->open)
        open_volume(s);
    if (p->len > 0)
        AT_EACH_TARGET(s, t, store_put_write(t->put, p->data, p->len, e));
    s->volume_size += p->len;
    if (p->segment_ends)
        seal_segment(s, p->segment_digest);
    if (p->volume_ends)
        close_volume(s, p->volume_digest, p->last);
}

/* The last volume ended where it was full, and nothing told then that it was the last. */
static void finish_late(struct stream *s)
{
    describe_segments(s);
    AT_EACH_TARGET(s, t, put_segments(&(struct ending){s, t}, e));
}

static void *stream_main(void *arg)
{
    struct stream *s = arg;
    const struct feed_piece *piece;
    int rc = 0;

    AT_EACH_TARGET(s, t, check_uncommitted(t, e));
    while (s->alive > 0 && (rc = feed_next(s->feed, &piece, &s->error)) == 0)
        take_piece(s, piece);
    if (rc == 1 && s->segments_object.name == NULL)
        finish_late(s);
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
    s->targets = mem_alloc(target_count * sizeof(*s->targets));
    s->target_count = s->alive = target_count;
    for (size_t i = 0; i < target_count; i++)
        s->targets[i].to = targets[i];
    s->segments = BUF_INIT(ARTIFACT_SEGMENTS_MAX);
    if (feed_start(ring, reader, key, volume_bytes, &s->feed, e) < 0) {
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
    if (s->segments_object.name == NULL)
        return;
    _cleanup_free_ char *object = object_name(t, s->segments_object.name);
    (void)!store_delete(t->to.store, object, NULL); /* likewise */
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
            if (!t->failed && s->error.code == ERR_LATE)
                (void)err_wrap(&t->to.result->error, "%s", store_place(t->to.store));
        }
    }
    stream_free(s);
}
