#include "lib/plain/ring.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/plain/gzip_block.h"

enum { BLOCK = GZIP_BLOCK, SPARE_SLOTS = 3, SLOTS_MAX = 16, THREADS_MAX = 12 };
enum { LOOK_MS = 5 }; /* at a reader that lags: far less than it takes it to empty the ring */

struct output {    /* one slot as one variant has it */
    uint8_t *data; /* owned, NULL for a variant that does not compress */
    size_t len;
    bool ready;
};

struct slot {
    uint8_t *raw; /* owned */
    size_t len;
    unsigned busy;          /* threads that compress from it */
    struct output *outputs; /* one per variant */
};

struct reader {
    size_t variant;
    uint64_t next; /* the block it wants or holds */
    bool holds;    /* block `next` was handed out and may still be in use */
    bool gone;
    bool may_lag, late;     /* late: dropped; gone too */
    struct mono lags_since; /* it has kept the ring full since then; us 0: it does not */
};

struct ring {
    pthread_mutex_t lock; /* guards all below but the bytes of slots */
    pthread_cond_t space; /* a reader went on, or left: for the producer */
    pthread_cond_t work;  /* a block was published: for compressing threads */
    pthread_cond_t ready; /* a block was compressed, or the end: for readers */
    struct slot *slots;
    size_t slot_count;
    const struct ring_variant *variants; /* owned copy */
    size_t variant_count;
    struct reader *readers;
    size_t reader_count;
    uint64_t head;     /* blocks published so far */
    uint64_t next_job; /* block * variant_count + variant: the next to compress */
    size_t fill;       /* bytes in the block not yet published; producer's own */
    bool closed, stopped;
    struct err error; /* of compression; then stopped is set too */
    pthread_t *threads;
    size_t thread_count;
};

static struct slot *slot_of(struct ring *r, uint64_t block)
{
    return &r->slots[block % r->slot_count];
}

/* Readers of a variant may all have left; then nobody waits for its work. */
static bool is_wanted(const struct ring *r, size_t variant)
{
    for (size_t i = 0; i < r->reader_count; i++)
        if (r->readers[i].variant == variant && !r->readers[i].gone)
            return r->variants[variant].gzip;
    return false;
}

static bool take_job(struct ring *r, uint64_t *block, size_t *variant)
{
    for (;;) {
        while (r->next_job < r->head * r->variant_count) {
            *block = r->next_job / r->variant_count;
            *variant = r->next_job % r->variant_count;
            r->next_job++;
            if (is_wanted(r, *variant))
                return true;
        }
        if (r->closed || r->stopped)
            return false;
        (void)pthread_cond_wait(&r->work, &r->lock);
    }
}

static void *compress_main(void *arg)
{
    struct ring *r = arg;
    struct gzip_block **tools = mem_alloc(r->variant_count * sizeof(struct gzip_block *));
    uint64_t block;
    size_t variant;

    (void)pthread_mutex_lock(&r->lock);
    while (take_job(r, &block, &variant)) {
        struct slot *s = slot_of(r, block);
        struct output *o = &s->outputs[variant];
        struct err e = {0};
        s->busy++;
        (void)pthread_mutex_unlock(&r->lock);
        if (tools[variant] == NULL)
            tools[variant] = gzip_block_new(r->variants[variant].level);
        int rc = gzip_block_write(tools[variant], s->raw, s->len, o->data, &o->len, &e);
        (void)pthread_mutex_lock(&r->lock);
        o->ready = rc == 0;
        s->busy--;
        if (rc < 0) {
            r->error = e;
            r->stopped = true;
            (void)pthread_cond_broadcast(&r->work);
        }
        (void)pthread_cond_signal(&r->space);
        (void)pthread_cond_broadcast(&r->ready);
    }
    (void)pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->variant_count; i++)
        gzip_block_free(tools[i]);
    free(tools);
    return NULL;
}

static void allocate_slots(struct ring *r)
{
    r->slots = mem_alloc(r->slot_count * sizeof(*r->slots));
    for (size_t i = 0; i < r->slot_count; i++) {
        r->slots[i].raw = mem_alloc(BLOCK);
        r->slots[i].outputs = mem_alloc(r->variant_count * sizeof(struct output));
        for (size_t v = 0; v < r->variant_count; v++)
            if (r->variants[v].gzip)
                r->slots[i].outputs[v].data = mem_alloc(gzip_block_bound(BLOCK));
    }
}

static int start_threads(struct ring *r, int threads, struct err *e)
{
    r->threads = mem_alloc((size_t)threads * sizeof(pthread_t));
    while (r->thread_count < (size_t)threads) {
        int rc = pthread_create(&r->threads[r->thread_count], NULL, compress_main, r);
        if (rc != 0)
            return err_sys(e, ERR_IO, rc, "start a thread");
        r->thread_count++;
    }
    return 0;
}

int ring_new(const struct ring_variant *variants, size_t variant_count,
             const struct ring_wish *wishes, size_t reader_count, int threads, struct ring **ret,
             struct err *e)
{
    struct ring *r = mem_alloc(sizeof(*r));
    bool gzip = false;

    threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->space, NULL);
    (void)pthread_cond_init(&r->work, NULL);
    (void)pthread_cond_init(&r->ready, NULL);
    r->variants = mem_copy(variants, variant_count * sizeof(*variants));
    r->variant_count = variant_count;
    r->readers = mem_alloc(reader_count * sizeof(*r->readers));
    r->reader_count = reader_count;
    for (size_t i = 0; i < reader_count; i++) {
        r->readers[i].variant = wishes[i].variant;
        r->readers[i].may_lag = wishes[i].may_lag;
        gzip = gzip || variants[wishes[i].variant].gzip;
    }
    r->slot_count = (size_t)threads + SPARE_SLOTS;
    if (r->slot_count > SLOTS_MAX)
        r->slot_count = SLOTS_MAX;
    allocate_slots(r);
    if (gzip && start_threads(r, threads, e) < 0) {
        ring_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

void ring_free(struct ring *r)
{
    if (r == NULL)
        return;
    ring_stop(r);
    for (size_t i = 0; i < r->thread_count; i++)
        (void)pthread_join(r->threads[i], NULL);
    for (size_t i = 0; i < r->slot_count; i++) {
        for (size_t v = 0; v < r->variant_count; v++)
            free(r->slots[i].outputs[v].data);
        free(r->slots[i].outputs);
        free(r->slots[i].raw);
    }
    free(r->slots);
    free(r->threads);
    free(r->readers);
    free((void *)(uintptr_t)r->variants);
    (void)pthread_cond_destroy(&r->ready);
    (void)pthread_cond_destroy(&r->work);
    (void)pthread_cond_destroy(&r->space);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

/* May the block at head be filled? Not while the slowest reader, or a thread that compresses for
 * readers that have left, is still at what the slot held before. */
static bool slot_is_free(struct ring *r, bool *anyone)
{
    *anyone = false;
    if (slot_of(r, r->head)->busy > 0) {
        *anyone = true;
        return false;
    }
    for (size_t i = 0; i < r->reader_count; i++) {
        if (r->readers[i].gone)
            continue;
        *anyone = true;
        if (r->head - r->readers[i].next >= r->slot_count)
            return false;
    }
    return true;
}

static bool holds_up(const struct ring *r, const struct reader *reader)
{
    return !reader->gone && r->head - reader->next >= r->slot_count;
}

/* A slow one is seldom still: it takes a block, and the ring is full again at once. So it counts when
 * the producer comes and finds the ring full, time after time. */
static void note_laggards(struct ring *r)
{
    for (size_t i = 0; i < r->reader_count; i++) {
        struct reader *reader = &r->readers[i];
        if (!reader->may_lag || !holds_up(r, reader))
            reader->lags_since = (struct mono){0};
        else if (reader->lags_since.us == 0)
            reader->lags_since = clock_mono();
    }
}

static bool others_left(const struct ring *r, const struct reader *me)
{
    for (size_t i = 0; i < r->reader_count; i++)
        if (&r->readers[i] != me && !r->readers[i].gone)
            return true;
    return false;
}

/* Drop who has held up the others for too long. True: somebody must be looked at again soon. */
static bool drop_laggards(struct ring *r)
{
    bool watch = false;

    for (size_t i = 0; i < r->reader_count; i++) {
        struct reader *reader = &r->readers[i];
        if (!reader->may_lag || !holds_up(r, reader) || !others_left(r, reader))
            continue;
        watch = true;
        if (clock_mono().us - reader->lags_since.us < RING_LATE_S * 1000000LL)
            continue;
        reader->gone = reader->late = true;
        (void)pthread_cond_broadcast(&r->ready);
    }
    return watch;
}

static bool wait_for_slot(struct ring *r)
{
    bool anyone = false;

    (void)pthread_mutex_lock(&r->lock);
    note_laggards(r);
    while (!r->stopped && !slot_is_free(r, &anyone) && anyone) {
        if (drop_laggards(r)) {
            (void)pthread_mutex_unlock(&r->lock);
            clock_sleep_ms(LOOK_MS);
            (void)pthread_mutex_lock(&r->lock);
        } else {
            (void)pthread_cond_wait(&r->space, &r->lock);
        }
    }
    bool ok = anyone && !r->stopped;
    (void)pthread_mutex_unlock(&r->lock);
    return ok;
}

static void publish(struct ring *r)
{
    struct slot *s = slot_of(r, r->head);

    (void)pthread_mutex_lock(&r->lock);
    s->len = r->fill;
    for (size_t v = 0; v < r->variant_count; v++)
        s->outputs[v].ready = !r->variants[v].gzip;
    r->head++;
    r->fill = 0;
    (void)pthread_cond_broadcast(&r->work);
    (void)pthread_cond_broadcast(&r->ready);
    (void)pthread_mutex_unlock(&r->lock);
}

bool ring_write(struct ring *r, const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len > 0) {
        if (r->fill == 0 && !wait_for_slot(r))
            return false;
        size_t n = BLOCK - r->fill < len ? BLOCK - r->fill : len;
        memcpy(slot_of(r, r->head)->raw + r->fill, p, n);
        r->fill += n;
        p += n;
        len -= n;
        if (r->fill == BLOCK)
            publish(r);
    }
    return true;
}

void ring_close(struct ring *r)
{
    /* an empty source is one empty block: its gzip form is a valid empty member */
    if (r->fill > 0 || (r->head == 0 && wait_for_slot(r)))
        publish(r);
    (void)pthread_mutex_lock(&r->lock);
    r->closed = true;
    (void)pthread_cond_broadcast(&r->work);
    (void)pthread_cond_broadcast(&r->ready);
    (void)pthread_mutex_unlock(&r->lock);
}

void ring_stop(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->stopped = true;
    (void)pthread_cond_broadcast(&r->space);
    (void)pthread_cond_broadcast(&r->work);
    (void)pthread_cond_broadcast(&r->ready);
    (void)pthread_mutex_unlock(&r->lock);
}

int ring_next(struct ring *r, size_t reader, const uint8_t **ret_data, size_t *ret_len,
              struct err *e)
{
    struct reader *me = &r->readers[reader];
    int rc = 0;

    (void)pthread_mutex_lock(&r->lock);
    if (me->holds) {
        me->holds = false;
        me->next++;
        (void)pthread_cond_signal(&r->space);
    }
    while (!r->stopped && !me->gone &&
           (me->next < r->head ? !slot_of(r, me->next)->outputs[me->variant].ready : !r->closed))
        (void)pthread_cond_wait(&r->ready, &r->lock);
    if (r->stopped) {
        rc = r->error.code != ERR_NONE ? err_set(e, r->error.code, "%s", r->error.text)
                                       : err_set(e, ERR_CANCELLED, "cancelled");
    } else if (me->late) {
        rc = err_set(e, ERR_LATE, "it was too slow for the others; the copy follows");
    } else if (me->gone || me->next == r->head) {
        rc = 1;
    } else {
        const struct slot *s = slot_of(r, me->next);
        bool gzip = r->variants[me->variant].gzip;
        *ret_data = gzip ? s->outputs[me->variant].data : s->raw;
        *ret_len = gzip ? s->outputs[me->variant].len : s->len;
        me->holds = true;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

void ring_leave(struct ring *r, size_t reader)
{
    (void)pthread_mutex_lock(&r->lock);
    r->readers[reader].gone = true;
    (void)pthread_cond_signal(&r->space);
    (void)pthread_cond_broadcast(&r->ready);
    (void)pthread_mutex_unlock(&r->lock);
}
