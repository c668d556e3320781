/* read_ahead.c — the happy path is: slots in a ring are filled with the next ranges; threads take
 * them in order and fetch; the caller waits for the oldest.
 *
 * Failure modes: a range fails: its error is handed out when its turn comes, and then again. No
 * thread to be had: the caller fetches itself. */
#include "lib/store/read_ahead.h"

#include <pthread.h>

#include "lib/base/mem.h"

enum { SLOTS_MAX = 16 };

enum slot_state { SLOT_WAITING, SLOT_FETCHING, SLOT_DONE };

struct slot {
    struct store_range range;
    uint8_t *data; /* owned: room for max_len; made when it is first needed */
    size_t len;
    enum slot_state state;
    int rc;
    struct err error;
};

struct read_ahead {
    struct store *store;
    size_t max_len, slot_max;
    store_range_cb *next;
    void *arg;
    bool at_end, handed_out; /* no more ranges; slots[head] is in the caller's hands */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct slot slots[SLOTS_MAX];
    size_t head, count; /* a ring */
    bool stop;

    pthread_t threads[SLOTS_MAX]; /* the caller's own */
    size_t thread_count;
};

struct read_ahead *read_ahead_new(struct store *s, size_t max_len, store_range_cb *next, void *arg)
{
    struct read_ahead *r = mem_alloc(sizeof(*r));
    size_t parallel = (size_t)store_get_parallel(s);

    r->store = s;
    r->max_len = max_len;
    r->slot_max = parallel < SLOTS_MAX ? parallel : SLOTS_MAX;
    r->next = next;
    r->arg = arg;
    if (pthread_mutex_init(&r->lock, NULL) != 0 || pthread_cond_init(&r->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return r;
}

static void fetch(struct read_ahead *r, struct slot *s)
{
    size_t got = 0;

    s->rc = 0;
    s->len = 0;
    while (s->len < s->range.len && s->rc == 0) {
        s->rc = store_get(r->store, s->range.name, s->range.offset + s->len, s->data + s->len,
                          s->range.len - s->len, &got, &s->error);
        if (got == 0)
            break;
        s->len += got;
    }
}

/* Lock held. The oldest range that nobody fetches yet. */
static struct slot *waiting(struct read_ahead *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct slot *s = &r->slots[(r->head + i) % r->slot_max];
        if (s->state == SLOT_WAITING)
            return s;
    }
    return NULL;
}

static void *thread_main(void *arg)
{
    struct read_ahead *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct slot *s = waiting(r);
        if (s == NULL) {
            (void)pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        s->state = SLOT_FETCHING;
        (void)pthread_mutex_unlock(&r->lock);
        fetch(r, s);
        (void)pthread_mutex_lock(&r->lock);
        s->state = SLOT_DONE;
        (void)pthread_cond_broadcast(&r->changed);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Lock held. On a store where nothing is far the caller fetches, so no thread is started. */
static void fill(struct read_ahead *r)
{
    while (!r->at_end && r->count < r->slot_max) {
        struct slot *s = &r->slots[(r->head + r->count) % r->slot_max];
        r->at_end = r->next(r->arg, &s->range) != 0;
        if (r->at_end)
            return;
        if (s->data == NULL)
            s->data = mem_alloc(r->max_len);
        s->state = SLOT_WAITING;
        s->rc = 0;
        if (s->range.len > r->max_len)
            abort(); /* the caller's promise */
        r->count++;
        if (r->slot_max > 1 && r->thread_count < r->count &&
            pthread_create(&r->threads[r->thread_count], NULL, thread_main, r) == 0)
            r->thread_count++;
    }
}

/* Lock held. */
static void drop_head(struct read_ahead *r)
{
    free(r->slots[r->head].range.name);
    r->slots[r->head].range.name = NULL;
    r->head = (r->head + 1) % r->slot_max;
    r->count--;
}

void read_ahead_begin(struct read_ahead *r)
{
    if (r->slot_max == 1)
        return;
    (void)pthread_mutex_lock(&r->lock);
    fill(r);
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

int read_ahead_next(struct read_ahead *r, const uint8_t **ret_data, size_t *ret_len, struct err *e)
{
    int rc = 1;

    (void)pthread_mutex_lock(&r->lock);
    if (r->handed_out)
        drop_head(r);
    r->handed_out = false;
    fill(r);
    (void)pthread_cond_broadcast(&r->changed);
    if (r->count > 0) {
        struct slot *s = &r->slots[r->head];
        if (r->thread_count == 0 && s->state == SLOT_WAITING) {
            fetch(r, s);
            s->state = SLOT_DONE;
        }
        while (s->state != SLOT_DONE)
            (void)pthread_cond_wait(&r->changed, &r->lock);
        rc = s->rc;
        r->handed_out = rc == 0;
        *ret_data = s->data;
        *ret_len = s->len;
        if (rc < 0 && e != NULL)
            *e = s->error;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

void read_ahead_free(struct read_ahead *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->thread_count; i++)
        (void)pthread_join(r->threads[i], NULL);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        free(r->slots[i].range.name);
        free(r->slots[i].data);
    }
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
