#include "lib/plain/pump.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/mem.h"

/* Small enough to stay in the processor's cache on their way from one to the other. */
enum { BLOCKS = 4, BLOCK = 256 << 10 };

struct block {
    uint8_t *room; /* owned; BLOCK bytes */
    size_t len;
};

struct pump {
    pump_read_cb *read;
    void *arg;
    size_t used;  /* of the block that is being taken; the reader's own */
    bool stopped; /* guarded by the lock, as what follows */
    bool ended;
    int rc;
    struct err error;
    struct block blocks[BLOCKS];
    uint64_t made, taken;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool threaded; /* the caller's own */
    pthread_t thread;
};

static int fill(struct pump *p, struct block *b, struct err *e)
{
    return p->read(p->arg, b->room, BLOCK, &b->len, e);
}

static void *thread_main(void *arg)
{
    struct pump *p = arg;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopped && !p->ended) {
        if (p->made - p->taken == BLOCKS) {
            (void)pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        struct block *b = &p->blocks[p->made % BLOCKS];
        struct err e = {0};
        (void)pthread_mutex_unlock(&p->lock);
        int rc = fill(p, b, &e);
        (void)pthread_mutex_lock(&p->lock);
        p->rc = rc;
        p->error = e;
        p->ended = rc < 0 || b->len == 0;
        p->made += !p->ended;
        (void)pthread_cond_broadcast(&p->changed);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pump *pump_new(pump_read_cb *read, void *arg)
{
    struct pump *p = mem_alloc(sizeof(*p));

    p->read = read;
    p->arg = arg;
    if (pthread_mutex_init(&p->lock, NULL) != 0 || pthread_cond_init(&p->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    for (size_t i = 0; i < BLOCKS; i++)
        p->blocks[i].room = mem_alloc(BLOCK);
    p->threaded = pthread_create(&p->thread, NULL, thread_main, p) == 0;
    return p;
}

/* The block to take from; NULL at the end, or when the reading failed. */
static struct block *wait_for_block(struct pump *p)
{
    (void)pthread_mutex_lock(&p->lock);
    while (!p->ended && p->made == p->taken)
        (void)pthread_cond_wait(&p->changed, &p->lock);
    struct block *b = p->made > p->taken ? &p->blocks[p->taken % BLOCKS] : NULL;
    (void)pthread_mutex_unlock(&p->lock);
    return b;
}

static void give_back(struct pump *p)
{
    p->used = 0;
    (void)pthread_mutex_lock(&p->lock);
    p->taken++;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

int pump_read(void *pump, void *data, size_t len, size_t *ret_len, struct err *e)
{
    struct pump *p = pump;
    uint8_t *out = data;

    *ret_len = 0;
    if (!p->threaded) /* none to be had: slower, as right */
        return p->read(p->arg, data, len, ret_len, e);
    while (*ret_len < len) {
        struct block *b = wait_for_block(p);
        if (b == NULL)
            break;
        size_t left = b->len - p->used, n = left < len - *ret_len ? left : len - *ret_len;
        memcpy(out + *ret_len, b->room + p->used, n);
        *ret_len += n;
        p->used += n;
        if (p->used == b->len)
            give_back(p);
    }
    if (*ret_len > 0 || p->rc == 0)
        return 0;
    if (e != NULL)
        *e = p->error;
    return -1;
}

void pump_free(struct pump *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopped = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
    if (p->threaded)
        (void)pthread_join(p->thread, NULL);
    for (size_t i = 0; i < BLOCKS; i++) {
        mem_wipe(p->blocks[i].room, BLOCK);
        free(p->blocks[i].room);
    }
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}
