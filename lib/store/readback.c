/* readback.c — the happy path is: ranges are queued; the thread takes the oldest, writes it out,
 * drops its pages, reads it and compares; finish waits for the queue to run dry.
 *
 * Failure modes: write-out reports an error (it is reported once, so it is kept here and the put is
 * lost), a read fails or comes short, the bytes differ. The first failure ends the work. */
#define OPENSSL_SUPPRESS_DEPRECATED /* digest_two.h works on SHA256_CTX */

#include "lib/store/readback.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/mem.h"
#include "lib/store/digest_two.h"

enum { THREAD_WORTH = 1024 * 1024, PAIR = 2 };

struct range {
    uint64_t offset;
    size_t len;
    uint8_t sha256[READBACK_DIGEST_LEN];
};

struct check { /* of one range */
    struct range range;
    SHA256_CTX digest;
    uint8_t *chunk;
    size_t got, done; /* bytes in the chunk, bytes of the range */
};

struct readback {
    const struct readback_medium *medium;
    void *arg;
    uint8_t *chunks; /* owned: one for each of a pair */
    size_t most;     /* ranges compared at once */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct range queue[READBACK_WAITING];
    size_t count;
    size_t worth; /* ranges that the thread waits for: all of them at the end */
    bool stop, failed;
    struct err error;

    bool threaded; /* the caller's own */
    pthread_t thread;
};

struct readback *readback_new(const struct readback_medium *m, void *arg)
{
    struct readback *rb = mem_alloc(sizeof(*rb));

    rb->medium = m;
    rb->arg = arg;
    rb->worth = rb->most = m->in_pairs ? PAIR : 1;
    if (pthread_mutex_init(&rb->lock, NULL) != 0 || pthread_cond_init(&rb->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return rb;
}

/* The next chunk of a range, 0 bytes after its end. */
static int read_chunk(struct readback *rb, struct check *c, struct err *e)
{
    size_t want = c->range.len - c->done, got;

    want = want < rb->medium->chunk ? want : rb->medium->chunk;
    c->got = want;
    if (want == 0)
        return 0;
    if (rb->medium->read(rb->arg, c->range.offset + c->done, c->chunk, want, &got, e) < 0)
        return -1;
    if (got < want)
        return err_set(e, ERR_DAMAGED, "read back only %llu bytes",
                       (unsigned long long)(c->range.offset + c->done + got));
    c->done += got;
    return 0;
}

static int compare_digest(struct check *c, struct err *e)
{
    uint8_t found[READBACK_DIGEST_LEN];

    (void)SHA256_Final(found, &c->digest);
    if (memcmp(found, c->range.sha256, READBACK_DIGEST_LEN) != 0)
        return err_set(e, ERR_DAMAGED, "the bytes read back at %llu are not those written",
                       (unsigned long long)c->range.offset);
    return 0;
}

/* Both are read and digested side by side; the second may be empty. */
static int compare(struct readback *rb, struct check *a, struct check *b, struct err *e)
{
    while (a->done < a->range.len || b->done < b->range.len) {
        if (read_chunk(rb, a, e) < 0 || read_chunk(rb, b, e) < 0)
            return -1;
        size_t both = a->got < b->got ? a->got : b->got;
        digest_two_update(&a->digest, a->chunk, &b->digest, b->chunk, both);
        (void)SHA256_Update(&a->digest, a->chunk + both, a->got - both);
        (void)SHA256_Update(&b->digest, b->chunk + both, b->got - both);
    }
    return compare_digest(a, e) < 0 ? -1 : b->range.len > 0 ? compare_digest(b, e) : 0;
}

static void drop(struct readback *rb, const struct check *checks, size_t count)
{
    for (size_t i = 0; i < count && rb->medium->drop != NULL; i++)
        rb->medium->drop(rb->arg, checks[i].range.offset, checks[i].range.len);
}

/* One range or two. */
static int check_ranges(struct readback *rb, const struct range *ranges, size_t count,
                        struct err *e)
{
    struct check checks[PAIR] = {0};

    if (rb->chunks == NULL)
        rb->chunks = mem_room_new(PAIR * rb->medium->chunk);
    for (size_t i = 0; i < PAIR; i++) {
        checks[i].chunk = rb->chunks + i * rb->medium->chunk;
        (void)SHA256_Init(&checks[i].digest);
    }
    for (size_t i = 0; i < count; i++) {
        checks[i].range = ranges[i];
        if (rb->medium->write_out(rb->arg, ranges[i].offset, ranges[i].len, e) < 0)
            return -1;
    }
    drop(rb, checks, count);
    if (compare(rb, &checks[0], &checks[1], e) < 0)
        return -1;
    drop(rb, checks, count); /* a backup must not push the service's own files out of memory */
    return 0;
}

/* Work off the queue. With `wait` until told to stop, else until it is empty. Lock held. */
static void work(struct readback *rb, bool wait)
{
    for (;;) {
        while (wait && rb->count < rb->worth && !rb->stop)
            (void)pthread_cond_wait(&rb->changed, &rb->lock);
        if (rb->count == 0 || rb->failed)
            return;
        size_t n = rb->count < rb->most ? rb->count : rb->most;
        struct range ranges[PAIR];
        struct err e = {0};
        memcpy(ranges, rb->queue, n * sizeof(ranges[0]));
        (void)pthread_mutex_unlock(&rb->lock);
        int rc = check_ranges(rb, ranges, n, &e);
        (void)pthread_mutex_lock(&rb->lock);
        if (rc < 0) {
            rb->failed = true;
            rb->error = e;
        }
        /* Taken off only now: an empty queue means that all is compared. */
        rb->count -= n < rb->count ? n : rb->count;
        memmove(rb->queue, rb->queue + n, rb->count * sizeof(rb->queue[0]));
        (void)pthread_cond_broadcast(&rb->changed);
    }
}

static void *thread_main(void *arg)
{
    struct readback *rb = arg;

    (void)pthread_mutex_lock(&rb->lock);
    work(rb, true);
    (void)pthread_mutex_unlock(&rb->lock);
    return NULL;
}

/* Lock held. Without a thread (none to be had) the caller does the work itself: slower, as safe. */
static void make_room(struct readback *rb)
{
    while (rb->count == READBACK_WAITING && !rb->failed) {
        if (rb->threaded)
            (void)pthread_cond_wait(&rb->changed, &rb->lock);
        else
            work(rb, false);
    }
}

/* Lock held. */
static int outcome(const struct readback *rb, struct err *e)
{
    if (!rb->failed)
        return 0;
    if (e != NULL)
        *e = rb->error;
    return -1;
}

int readback_add(struct readback *rb, uint64_t offset, size_t len,
                 const uint8_t sha256[READBACK_DIGEST_LEN], struct err *e)
{
    (void)pthread_mutex_lock(&rb->lock);
    make_room(rb);
    int rc = outcome(rb, e);
    if (rc == 0) {
        struct range *r = &rb->queue[rb->count++];
        *r = (struct range){.offset = offset, .len = len};
        memcpy(r->sha256, sha256, READBACK_DIGEST_LEN);
        if (!rb->threaded && (len >= THREAD_WORTH || rb->count == READBACK_WAITING))
            rb->threaded = pthread_create(&rb->thread, NULL, thread_main, rb) == 0;
        (void)pthread_cond_broadcast(&rb->changed);
    }
    (void)pthread_mutex_unlock(&rb->lock);
    return rc;
}

int readback_check(struct readback *rb, struct err *e)
{
    (void)pthread_mutex_lock(&rb->lock);
    int rc = outcome(rb, e);
    (void)pthread_mutex_unlock(&rb->lock);
    return rc;
}

int readback_finish(struct readback *rb, struct err *e)
{
    (void)pthread_mutex_lock(&rb->lock);
    rb->worth = 1; /* no more will come */
    (void)pthread_cond_broadcast(&rb->changed);
    if (!rb->threaded)
        work(rb, false);
    while (rb->count > 0 && !rb->failed)
        (void)pthread_cond_wait(&rb->changed, &rb->lock);
    int rc = outcome(rb, e);
    (void)pthread_mutex_unlock(&rb->lock);
    return rc;
}

void readback_free(struct readback *rb)
{
    if (rb == NULL)
        return;
    if (rb->threaded) {
        (void)pthread_mutex_lock(&rb->lock);
        rb->stop = true;
        if (rb->count > 1)
            rb->count = 1; /* nobody waits for the rest any more */
        (void)pthread_cond_broadcast(&rb->changed);
        (void)pthread_mutex_unlock(&rb->lock);
        (void)pthread_join(rb->thread, NULL);
    }
    (void)pthread_cond_destroy(&rb->changed);
    (void)pthread_mutex_destroy(&rb->lock);
    mem_room_free(rb->chunks, PAIR * rb->medium->chunk);
    free(rb);
}
