#include "lib/plain/feed.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/cipher.h"
#include "lib/plain/gzip_block.h"

enum { PIECES = 3 };

struct piece {
    uint8_t *data; /* owned */
    size_t len;
};

struct feed {
    struct ring *ring;
    size_t reader;
    const struct secret *key;
    struct piece pieces[PIECES];
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t made, taken; /* pieces so far; `taken` counts those given back */
    bool holds;           /* the consumer has piece `taken` */
    bool ended, stopped;
    struct err error;
    pthread_t thread;
};

/* A free piece to fill, or NULL when the consumer has given up. */
static struct piece *free_piece(struct feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
    while (!f->stopped && f->made - f->taken == PIECES)
        (void)pthread_cond_wait(&f->changed, &f->lock);
    struct piece *p = f->stopped ? NULL : &f->pieces[f->made % PIECES];
    (void)pthread_mutex_unlock(&f->lock);
    return p;
}

static void hand_over(struct feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->made++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static int encrypt_all(struct feed *f, struct cipher **cipher, struct err *e)
{
    const uint8_t *data;
    size_t len;
    uint8_t header[CIPHER_HEADER];
    struct piece *p;
    int rc;

    if (cipher_encrypt_new(f->key, header, cipher, e) < 0)
        return -1;
    if ((p = free_piece(f)) == NULL)
        return 0;
    memcpy(p->data, header, sizeof(header));
    p->len = sizeof(header);
    hand_over(f);
    while ((rc = ring_next(f->ring, f->reader, &data, &len, e)) == 0) {
        if ((p = free_piece(f)) == NULL)
            return 0;
        if (cipher_update(*cipher, data, len, p->data, &p->len, e) < 0)
            return -1;
        hand_over(f);
    }
    if (rc < 0 || (p = free_piece(f)) == NULL)
        return rc < 0 ? -1 : 0;
    if (cipher_final(*cipher, p->data, &p->len, e) < 0)
        return -1;
    hand_over(f);
    return 0;
}

static void *feed_main(void *arg)
{
    struct feed *f = arg;
    struct cipher *cipher = NULL;
    struct err e = {0};
    int rc = encrypt_all(f, &cipher, &e);

    cipher_free(cipher);
    ring_leave(f->ring, f->reader);
    (void)pthread_mutex_lock(&f->lock);
    if (rc < 0)
        f->error = e;
    f->ended = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void feed_destroy(struct feed *f)
{
    for (size_t i = 0; i < PIECES; i++)
        free(f->pieces[i].data);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

int feed_start(struct ring *ring, size_t reader, const struct secret *key, struct feed **ret,
               struct err *e)
{
    struct feed *f = mem_alloc(sizeof(*f));

    f->ring = ring;
    f->reader = reader;
    f->key = key;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    for (size_t i = 0; i < PIECES; i++)
        f->pieces[i].data = mem_alloc(gzip_block_bound(GZIP_BLOCK) + CIPHER_BLOCK);
    int rc = pthread_create(&f->thread, NULL, feed_main, f);
    if (rc != 0) {
        feed_destroy(f);
        return err_sys(e, ERR_IO, rc, "start a thread");
    }
    *ret = f;
    return 0;
}

int feed_next(struct feed *f, const uint8_t **ret_data, size_t *ret_len, struct err *e)
{
    int rc = 0;

    (void)pthread_mutex_lock(&f->lock);
    if (f->holds) {
        f->holds = false;
        f->taken++;
        (void)pthread_cond_broadcast(&f->changed);
    }
    while (!f->ended && f->made == f->taken)
        (void)pthread_cond_wait(&f->changed, &f->lock);
    if (f->made > f->taken) {
        const struct piece *p = &f->pieces[f->taken % PIECES];
        *ret_data = p->data;
        *ret_len = p->len;
        f->holds = true;
    } else if (f->error.code != ERR_NONE) {
        rc = err_set(e, f->error.code, "%s", f->error.text);
    } else {
        rc = 1;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return rc;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stopped = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    ring_leave(f->ring, f->reader); /* it may also wait there */
    (void)pthread_join(f->thread, NULL);
    feed_destroy(f);
}
