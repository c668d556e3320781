#include "lib/plain/feed.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/plain/artifact.h"
#include "lib/plain/encrypt.h"

/* Pieces divide a segment, so that none belongs to two. */
enum { PIECES = 4, PIECE = 1 << 20 };

struct piece {
    uint8_t *room; /* owned; PIECE bytes, on a page */
    struct feed_piece about;
};

struct feed {
    struct ring *ring;
    size_t reader;
    const struct secret *key;
    uint64_t volume_bytes;

    /* of whoever digests: the thread if there is one, else the caller */
    struct digest_pair *digests;
    uint64_t volume_size, segment_size; /* so far */
    uint64_t volumes;                   /* ended so far */
    const uint8_t *rest;                /* of the ring's block, without a key */
    size_t rest_len;
    struct feed_piece clear; /* handed out without a key */

    struct piece pieces[PIECES];
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t made, taken; /* pieces so far; `taken` counts those given back */
    bool holds;           /* the consumer has piece `taken` */
    bool ended, stopped;
    struct err error;
    pthread_t thread;
};

/* How many more bytes may follow before something ends. */
static size_t room_of(const struct feed *f, size_t most)
{
    uint64_t volume = f->volume_bytes - f->volume_size;
    uint64_t segment = ARTIFACT_SEGMENT - f->segment_size;
    uint64_t room = volume < segment ? volume : segment;

    return room < most ? (size_t)room : most;
}

/* Count what was digested, and end what is full or, with `last`, what there is. */
static void account(struct feed *f, struct feed_piece *p, bool last)
{
    f->volume_size += p->len;
    f->segment_size += p->len;
    p->last = last;
    p->volume_ends = f->volume_size == f->volume_bytes || last;
    p->segment_ends =
        f->segment_size == ARTIFACT_SEGMENT || (p->volume_ends && f->segment_size > 0);
    if (p->segment_ends) {
        digest_pair_take_segment(f->digests, p->segment_digest);
        f->segment_size = 0;
    }
    if (p->volume_ends) {
        digest_pair_take_volume(f->digests, p->volume_digest);
        f->volume_size = 0;
        f->volumes++;
    }
}

/* --- with a key --- */

/* A free piece to fill, or NULL when the consumer has given up. */
static struct piece *free_piece(struct feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
    while (!f->stopped && f->made - f->taken == PIECES)
        (void)pthread_cond_wait(&f->changed, &f->lock);
    struct piece *p = f->stopped ? NULL : &f->pieces[f->made % PIECES];
    (void)pthread_mutex_unlock(&f->lock);
    if (p != NULL)
        p->about = (struct feed_piece){.data = p->room};
    return p;
}

static void hand_over(struct feed *f, struct piece *p, bool last)
{
    account(f, &p->about, last);
    (void)pthread_mutex_lock(&f->lock);
    f->made++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

/* Room in the piece that is being filled, in a new one if need be. False: the consumer gave up. */
static bool have_room(struct feed *f, struct piece **p, size_t *ret_room)
{
    if (*p != NULL && (*p)->about.len == room_of(f, PIECE)) {
        hand_over(f, *p, false);
        *p = NULL;
    }
    if (*p == NULL)
        *p = free_piece(f);
    if (*p == NULL)
        return false;
    *ret_room = room_of(f, PIECE) - (*p)->about.len;
    return true;
}

/* 1: the consumer gave up. */
static int encrypt_block(struct feed *f, struct encrypt *x, const uint8_t *data, size_t len,
                         struct piece **p, struct err *e)
{
    size_t room, made;

    while (len > 0) {
        if (!have_room(f, p, &room))
            return 1;
        size_t n = room - encrypt_carried(x); /* what comes out fits */
        n = n < len ? n : len;
        if (encrypt_update(x, data, n, (*p)->room + (*p)->about.len, &made, e) < 0)
            return -1;
        (*p)->about.len += made;
        data += n;
        len -= n;
    }
    return 0;
}

static int encrypt_all(struct feed *f, struct encrypt **x, struct err *e)
{
    const uint8_t *data;
    size_t len, room;
    uint8_t header[CIPHER_HEADER];
    struct piece *p = NULL;
    int rc;

    if (encrypt_new(f->key, f->digests, header, x, e) < 0)
        return -1;
    if (!have_room(f, &p, &room))
        return 0;
    memcpy(p->room, header, sizeof(header));
    p->about.len = sizeof(header);
    while ((rc = ring_next(f->ring, f->reader, &data, &len, e)) == 0)
        if ((rc = encrypt_block(f, *x, data, len, &p, e)) != 0)
            return rc < 0 ? -1 : 0;
    if (rc < 0 || !have_room(f, &p, &room))
        return rc < 0 ? -1 : 0;
    if (encrypt_final(*x, p->room + p->about.len, e) < 0)
        return -1;
    p->about.len += CIPHER_BLOCK;
    hand_over(f, p, true);
    return 0;
}

static void *feed_main(void *arg)
{
    struct feed *f = arg;
    struct encrypt *x = NULL;
    struct err e = {0};
    int rc = encrypt_all(f, &x, &e);

    encrypt_free(x);
    ring_leave(f->ring, f->reader);
    (void)pthread_mutex_lock(&f->lock);
    if (rc < 0)
        f->error = e;
    f->ended = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int next_encrypted(struct feed *f, const struct feed_piece **ret, struct err *e)
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
        *ret = &f->pieces[f->taken % PIECES].about;
        f->holds = true;
    } else if (f->error.code != ERR_NONE) {
        rc = err_set(e, f->error.code, "%s", f->error.text);
    } else {
        rc = 1;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return rc;
}

/* --- without one --- */

static int next_clear(struct feed *f, const struct feed_piece **ret, struct err *e)
{
    int rc = 0;

    if (f->rest_len == 0)
        rc = ring_next(f->ring, f->reader, &f->rest, &f->rest_len, e);
    if (rc < 0 || (rc == 1 && f->volumes > 0 && f->volume_size == 0))
        return rc;
    f->clear = (struct feed_piece){.data = f->rest, .len = rc == 1 ? 0 : room_of(f, f->rest_len)};
    if (f->clear.len > 0)
        digest_pair_update(f->digests, f->clear.data, f->clear.len);
    account(f, &f->clear, rc == 1);
    f->rest += f->clear.len;
    f->rest_len -= f->clear.len;
    *ret = &f->clear;
    return 0;
}

int feed_next(struct feed *f, const struct feed_piece **ret, struct err *e)
{
    return f->key != NULL ? next_encrypted(f, ret, e) : next_clear(f, ret, e);
}

static void feed_destroy(struct feed *f)
{
    for (size_t i = 0; i < PIECES; i++)
        free(f->pieces[i].room);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    digest_pair_free(f->digests);
    free(f);
}

int feed_start(struct ring *ring, size_t reader, const struct secret *key, uint64_t volume_bytes,
               struct feed **ret, struct err *e)
{
    struct feed *f = mem_alloc(sizeof(*f));
    int rc = 0;

    f->ring = ring;
    f->reader = reader;
    f->key = key;
    f->volume_bytes = volume_bytes;
    f->digests = digest_pair_new();
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    if (key != NULL) {
        f->volume_bytes -= volume_bytes % CIPHER_BLOCK; /* room for whole blocks only */
        if (f->volume_bytes == 0)
            f->volume_bytes = CIPHER_BLOCK;
        for (size_t i = 0; i < PIECES; i++)
            f->pieces[i].room = mem_alloc_pages(PIECE);
        rc = pthread_create(&f->thread, NULL, feed_main, f);
    }
    if (rc != 0) {
        feed_destroy(f);
        return err_sys(e, ERR_IO, rc, "start a thread");
    }
    *ret = f;
    return 0;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    if (f->key != NULL) {
        (void)pthread_mutex_lock(&f->lock);
        f->stopped = true;
        (void)pthread_cond_broadcast(&f->changed);
        (void)pthread_mutex_unlock(&f->lock);
        ring_leave(f->ring, f->reader); /* it may also wait there */
        (void)pthread_join(f->thread, NULL);
    }
    feed_destroy(f);
}
