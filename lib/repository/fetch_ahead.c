/* fetch_ahead.c — the happy path is: what is wanted next is looked up and gathered in batches; threads
 * fetch them, oldest first; the caller gets their chunks in order, and fetches the oldest itself when nobody
 * has begun with it.
 *
 * Failure modes: a batch fails: its error is handed out when its turn comes. No thread to be had:
 * the caller fetches all. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum { BATCH_PLAIN = 2 << 20, BATCH_CHUNKS = 512, THREADS_MAX = 16 };

enum state { WAITING, FETCHING, DONE };

struct batch {
    struct fetch_batch b;
    enum state state;
    int rc;
    struct err error;
    struct batch *next;
};

struct fetch_ahead {
    struct fetcher *fetcher;
    enum chunk_kind kind;
    size_t budget;
    fetch_next_cb *next;
    void *arg;
    bool at_end;
    struct batch *filling; /* owned; not yet to be fetched */
    size_t handed_out;     /* pieces of the oldest */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct batch *oldest, *newest; /* owned */
    size_t cost;                   /* of all of them */
    bool stop;

    pthread_t threads[THREADS_MAX]; /* the caller's own */
    size_t thread_count;
};

static void run(struct fetch_ahead *a, struct batch *b)
{
    b->rc = fetch_batch_run(a->fetcher, &b->b, &b->error);
}

/* Lock held. */
static struct batch *waiting(struct fetch_ahead *a)
{
    struct batch *b = a->oldest;

    while (b != NULL && b->state != WAITING)
        b = b->next;
    return b;
}

static void *thread_main(void *arg)
{
    struct fetch_ahead *a = arg;

    (void)pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        struct batch *b = waiting(a);
        if (b == NULL) {
            (void)pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        b->state = FETCHING;
        (void)pthread_mutex_unlock(&a->lock);
        run(a, b);
        (void)pthread_mutex_lock(&a->lock);
        b->state = DONE;
        (void)pthread_cond_broadcast(&a->changed);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct fetch_ahead *fetch_ahead_new(struct fetcher *f, enum chunk_kind kind, int threads,
                                    size_t budget, fetch_next_cb *next, void *arg)
{
    struct fetch_ahead *a = mem_alloc(sizeof(*a));

    a->fetcher = f;
    a->kind = kind;
    a->budget = budget;
    a->next = next;
    a->arg = arg;
    if (pthread_mutex_init(&a->lock, NULL) != 0 || pthread_cond_init(&a->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    for (int i = 0; i < threads && i < THREADS_MAX; i++)
        if (pthread_create(&a->threads[a->thread_count], NULL, thread_main, a) == 0)
            a->thread_count++;
    return a;
}

static void batch_free(struct batch *b)
{
    if (b != NULL)
        fetch_batch_deinit(&b->b);
    free(b);
}

void fetch_ahead_free(struct fetch_ahead *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->stop = true;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < a->thread_count; i++)
        (void)pthread_join(a->threads[i], NULL);
    while (a->oldest != NULL) {
        struct batch *b = a->oldest;
        a->oldest = b->next;
        batch_free(b);
    }
    batch_free(a->filling);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

static void submit(struct fetch_ahead *a)
{
    struct batch *b = TAKE(a->filling);

    if (b == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    if (a->newest != NULL)
        a->newest->next = b;
    else
        a->oldest = b;
    a->newest = b;
    a->cost += fetch_batch_cost(&b->b);
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

/* Room for one more batch: none is under way, or it fits in all likelihood. */
static bool has_room(struct fetch_ahead *a)
{
    (void)pthread_mutex_lock(&a->lock);
    bool room = a->oldest == NULL || a->cost + 2 * BATCH_PLAIN <= a->budget;
    (void)pthread_mutex_unlock(&a->lock);
    return room;
}

/* Only the caller's thread takes batches out, and only it hands out. */
static void drop_handed_out(struct fetch_ahead *a)
{
    struct batch *b = a->oldest;

    if (b == NULL || a->handed_out < b->b.count)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->cost -= fetch_batch_cost(&b->b);
    a->oldest = b->next;
    if (a->oldest == NULL)
        a->newest = NULL;
    a->handed_out = 0;
    (void)pthread_mutex_unlock(&a->lock);
    batch_free(b);
}

int fetch_ahead_fill(struct fetch_ahead *a, struct err *e)
{
    struct chunk_ref ref;
    int rc = 0;

    drop_handed_out(a);
    while (rc == 0 && !a->at_end && has_room(a)) {
        rc = a->next(a->arg, &ref, e);
        if (rc < 0)
            return -1;
        a->at_end = rc == 1;
        if (rc == 0 && a->filling != NULL &&
            a->filling->b.plain_len + ref.length >
                BATCH_PLAIN) /* alone in its own, if it is long */
            submit(a);
        if (rc == 0 && a->filling == NULL)
            a->filling = mem_alloc(sizeof(*a->filling));
        if (rc == 0 && fetch_batch_add(a->fetcher, &a->filling->b, &ref, a->kind, e) < 0)
            return -1;
        if (rc != 0 || a->filling->b.plain_len >= BATCH_PLAIN ||
            a->filling->b.count >= BATCH_CHUNKS)
            submit(a);
    }
    return 0;
}

/* Lock held; the oldest batch is done afterwards. */
static void wait_for_oldest(struct fetch_ahead *a)
{
    struct batch *b = a->oldest;

    if (b->state == WAITING) {
        b->state = FETCHING;
        (void)pthread_mutex_unlock(&a->lock);
        run(a, b);
        (void)pthread_mutex_lock(&a->lock);
        b->state = DONE;
    }
    while (b->state != DONE)
        (void)pthread_cond_wait(&a->changed, &a->lock);
}

int fetch_ahead_next(struct fetch_ahead *a, const uint8_t **ret, size_t *ret_len, struct err *e)
{
    int rc = 1;

    drop_handed_out(a);
    if (a->handed_out == 0 && fetch_ahead_fill(a, e) < 0)
        return -1;
    (void)pthread_mutex_lock(&a->lock);
    if (a->oldest != NULL) {
        wait_for_oldest(a);
        rc = a->oldest->rc;
        if (rc < 0 && e != NULL)
            *e = a->oldest->error;
        if (rc == 0) {
            const struct fetch_piece *p = &a->oldest->b.pieces[a->handed_out++];
            *ret = a->oldest->b.plain + p->plain_at;
            *ret_len = p->at.chunk.length;
        }
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}
