/* artifact.c — writing: one source in, one artifact per destination out.
 *
 *   artifact_write ─▶ ring (blocks, compressed by threads) ─▶ stream ─▶ volumes at destinations
 *                                                          └▶ stream ...
 *
 * There is one stream for each distinct (compression, key, volume size); destinations that agree
 * in these get the same bytes. */
#include "lib/plain/artifact.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/ring.h"
#include "lib/plain/stream.h"

struct artifact_writer {
    struct ring *ring;
    struct stream **streams; /* owned */
    size_t stream_count;
    struct artifact_result *results; /* one per target, moved out by finish */
    size_t target_count;
    uint64_t raw_bytes;
};

/* What the targets come down to. */
struct plan {
    struct ring_variant *variants;
    size_t variant_count;
    struct ring_wish *wishes; /* per stream */
    size_t *stream_first;     /* per stream: the target that it was made for */
    size_t stream_count;
    size_t *target_stream; /* per target */
};

char *artifact_volume_name(const char *name, size_t index)
{
    return index == 0 ? mem_strdup(name) : mem_printf("%s.%03zu", name, index);
}

static bool same_variant(const struct ring_variant *v, const struct artifact_codec *c)
{
    return v->gzip == c->gzip && (!c->gzip || v->level == c->level);
}

static bool same_form(const struct artifact_target *a, const struct artifact_target *b)
{
    if (a->may_lag || b->may_lag) /* one stream puts to its targets in turn */
        return false;
    return a->codec.gzip == b->codec.gzip && (!a->codec.gzip || a->codec.level == b->codec.level) &&
           a->volume_bytes == b->volume_bytes && secret_equal(a->codec.key, b->codec.key);
}

static size_t find_variant(struct plan *p, const struct artifact_codec *codec)
{
    size_t v = 0;

    while (v < p->variant_count && !same_variant(&p->variants[v], codec))
        v++;
    if (v == p->variant_count)
        p->variants[p->variant_count++] =
            (struct ring_variant){.gzip = codec->gzip, .level = codec->level};
    return v;
}

static void plan_make(struct plan *p, const struct artifact_target *targets, size_t count)
{
    *p = (struct plan){.variants = mem_alloc(count * sizeof(*p->variants)),
                       .wishes = mem_alloc(count * sizeof(*p->wishes)),
                       .stream_first = mem_alloc(count * sizeof(size_t)),
                       .target_stream = mem_alloc(count * sizeof(size_t))};
    for (size_t t = 0; t < count; t++) {
        size_t s = 0;
        while (s < p->stream_count && !same_form(&targets[p->stream_first[s]], &targets[t]))
            s++;
        if (s == p->stream_count) {
            p->stream_first[s] = t;
            p->wishes[s].variant = find_variant(p, &targets[t].codec);
            p->wishes[s].may_lag = targets[t].may_lag;
            p->stream_count++;
        }
        p->target_stream[t] = s;
    }
}

static void plan_deinit(struct plan *p)
{
    free(p->variants);
    free(p->wishes);
    free(p->stream_first);
    free(p->target_stream);
}

static int start_stream(struct artifact_writer *w, const struct plan *p, size_t stream,
                        const char *base_name, const struct artifact_target *targets, struct err *e)
{
    const struct artifact_target *first = &targets[p->stream_first[stream]];
    _cleanup_free_ struct stream_target *to = mem_alloc(w->target_count * sizeof(*to));
    _cleanup_free_ char *name = mem_printf("%s%s%s", base_name, first->codec.gzip ? ".gz" : "",
                                           first->codec.key != NULL ? ".enc" : "");
    size_t n = 0;

    for (size_t t = 0; t < w->target_count; t++)
        if (p->target_stream[t] == stream)
            to[n++] = (struct stream_target){.store = targets[t].store,
                                             .set_prefix = targets[t].set_prefix,
                                             .result = &w->results[t]};
    return stream_start(w->ring, stream, name, first->codec.key, first->volume_bytes, to, n,
                        &w->streams[stream], e);
}

int artifact_create(struct artifact_writer **ret, const char *base_name,
                    const struct artifact_target *targets, size_t target_count, int threads,
                    struct err *e)
{
    struct artifact_writer *w = mem_alloc(sizeof(*w));
    struct plan plan;

    plan_make(&plan, targets, target_count);
    w->target_count = target_count;
    w->results = mem_alloc(target_count * sizeof(*w->results));
    w->streams = mem_alloc(plan.stream_count * sizeof(struct stream *));
    int rc = ring_new(plan.variants, plan.variant_count, plan.wishes, plan.stream_count, threads,
                      &w->ring, e);
    while (rc == 0 && w->stream_count < plan.stream_count) {
        rc = start_stream(w, &plan, w->stream_count, base_name, targets, e);
        if (rc == 0)
            w->stream_count++;
    }
    plan_deinit(&plan);
    if (rc < 0) {
        artifact_abort(w);
        return err_wrap(e, "%s", base_name);
    }
    *ret = w;
    return 0;
}

/* Ends the streams; their results are in w->results when `keep`. */
static void join_streams(struct artifact_writer *w, bool keep)
{
    for (size_t i = 0; i < w->stream_count; i++)
        stream_join(w->streams[i], keep);
    w->stream_count = 0;
}

static void writer_free(struct artifact_writer *w)
{
    ring_free(w->ring);
    free(w->streams);
    free(w->results);
    free(w);
}

int artifact_write(struct artifact_writer *w, const void *data, size_t len, struct err *e)
{
    w->raw_bytes += len;
    if (ring_write(w->ring, data, len))
        return 0;
    ring_stop(w->ring);
    join_streams(w, true);
    if (w->target_count == 0 || !w->results[w->target_count - 1].failed)
        return err_set(e, ERR_INTERNAL, "no destination is left");
    const struct err *why = &w->results[w->target_count - 1].error;
    return err_set(e, why->code, "%s", why->text);
}

uint64_t artifact_raw_bytes(const struct artifact_writer *w)
{
    return w->raw_bytes;
}

int artifact_finish(struct artifact_writer *w, struct artifact_result *results, struct err *e)
{
    size_t alive = 0;
    int rc = 0;

    ring_close(w->ring);
    join_streams(w, true);
    memcpy(results, w->results, w->target_count * sizeof(*results));
    for (size_t i = 0; i < w->target_count; i++)
        alive += !results[i].failed;
    if (alive == 0 && w->target_count > 0) {
        const struct err *why = &results[w->target_count - 1].error;
        rc = err_set(e, why->code, "%s", why->text);
    }
    writer_free(w);
    return rc;
}

void artifact_abort(struct artifact_writer *w)
{
    if (w == NULL)
        return;
    if (w->ring != NULL)
        ring_stop(w->ring);
    join_streams(w, false);
    for (size_t i = 0; i < w->target_count; i++)
        artifact_result_deinit(&w->results[i]);
    writer_free(w);
}

void artifact_result_deinit(struct artifact_result *r)
{
    for (size_t i = 0; i < r->volume_count; i++)
        free(r->volumes[i].name);
    free(r->volumes);
    free(r->segments.name);
    *r = (struct artifact_result){0};
}
