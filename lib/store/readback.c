/* readback.c — the happy path is: ranges are queued; the thread takes the oldest, writes it out,
 * drops its pages, reads it and compares; finish waits for the queue to run dry.
 *
 * Failure modes: write-out reports an error (it is reported once, so it is kept here and the put is
 * lost), a read fails or comes short, the bytes differ. The first failure ends the work. */
#include "lib/store/readback.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/mem.h"

enum { THREAD_WORTH = 1024 * 1024 };

struct range {
    uint64_t offset;
    size_t len;
    uint8_t sha256[READBACK_DIGEST_LEN];
};

struct readback {
    const struct readback_medium *medium;
    void *arg;
    uint8_t *chunk;
    EVP_MD_CTX *digest;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct range queue[READBACK_WAITING];
    size_t count;
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
    rb->digest = EVP_MD_CTX_new();
    if (rb->digest == NULL || pthread_mutex_init(&rb->lock, NULL) != 0 ||
        pthread_cond_init(&rb->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return rb;
}

static int compare(struct readback *rb, const struct range *r, struct err *e)
{
    uint8_t found[EVP_MAX_MD_SIZE];

    if (rb->chunk == NULL)
        rb->chunk = mem_alloc(rb->medium->chunk);
    if (EVP_DigestInit_ex(rb->digest, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 is not available");
    for (size_t done = 0; done < r->len;) {
        size_t want = r->len - done, got;
        want = want < rb->medium->chunk ? want : rb->medium->chunk;
        if (rb->medium->read(rb->arg, r->offset + done, rb->chunk, want, &got, e) < 0)
            return -1;
        if (got < want)
            return err_set(e, ERR_DAMAGED, "read back only %llu bytes",
                           (unsigned long long)(r->offset + done + got));
        if (EVP_DigestUpdate(rb->digest, rb->chunk, got) != 1)
            return err_set(e, ERR_INTERNAL, "SHA-256 failed");
        done += got;
    }
    if (EVP_DigestFinal_ex(rb->digest, found, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (memcmp(found, r->sha256, READBACK_DIGEST_LEN) != 0)
        return err_set(e, ERR_DAMAGED, "the bytes read back at %llu are not those written",
                       (unsigned long long)r->offset);
    return 0;
}

static int check_range(struct readback *rb, const struct range *r, struct err *e)
{
    const struct readback_medium *m = rb->medium;

    if (m->write_out(rb->arg, r->offset, r->len, e) < 0)
        return -1;
    if (m->drop != NULL)
        m->drop(rb->arg, r->offset, r->len);
    if (compare(rb, r, e) < 0)
        return -1;
    /* a backup must not push the service's own files out of memory */
    if (m->drop != NULL)
        m->drop(rb->arg, r->offset, r->len);
    return 0;
}

/* Work off the queue. With `wait` until told to stop, else until it is empty. Lock held. */
static void work(struct readback *rb, bool wait)
{
    for (;;) {
        while (wait && rb->count == 0 && !rb->stop)
            (void)pthread_cond_wait(&rb->changed, &rb->lock);
        if (rb->count == 0 || rb->failed)
            return;
        struct range r = rb->queue[0];
        struct err e = {0};
        (void)pthread_mutex_unlock(&rb->lock);
        int rc = check_range(rb, &r, &e);
        (void)pthread_mutex_lock(&rb->lock);
        if (rc < 0) {
            rb->failed = true;
            rb->error = e;
        }
        /* Taken off only now: an empty queue means that all is compared. */
        rb->count--;
        memmove(rb->queue, rb->queue + 1, rb->count * sizeof(rb->queue[0]));
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
    EVP_MD_CTX_free(rb->digest);
    free(rb->chunk);
    free(rb);
}
