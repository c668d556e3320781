/* set_fetch.c — entry i is fetched into slot i modulo the number of slots, by whoever comes first:
 * a thread ahead of the caller, or the caller when it gets there and nobody has begun. */
#include "lib/plain/set_fetch.h"

#include <pthread.h>

#include "lib/base/mem.h"

enum { THREADS_MAX = 16 };

struct slot {
    struct set_fetched set;
    bool done;
};

struct set_fetch {
    struct store *store;
    const char *job;
    const struct set_entry *entries;
    size_t count;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct slot *slots; /* owned */
    size_t slot_count;
    size_t begun;  /* entries below are fetched or being fetched */
    size_t handed; /* entries below were handed out; the last one may still be in use */
    bool stop;

    pthread_t threads[THREADS_MAX]; /* the caller's own */
    size_t thread_count;
};

/* Entry f->begun. The lock is held, but not while the store works. */
static void fetch_one(struct set_fetch *f)
{
    size_t i = f->begun++;
    struct slot *slot = &f->slots[i % f->slot_count];
    struct set_fetched set = {.entry = &f->entries[i]};

    (void)pthread_mutex_unlock(&f->lock);
    if (set.entry->folder)
        set.rc = manifest_fetch_in_turn(f->store, f->job, set.entry->id, &set.bytes, &set.error);
    else
        set.rc = err_set(&set.error, ERR_NOT_FOUND, "there are marks only");
    (void)pthread_mutex_lock(&f->lock);
    slot->set = set;
    slot->done = true;
    (void)pthread_cond_broadcast(&f->changed);
}

static void *fetch_main(void *arg)
{
    struct set_fetch *f = arg;

    (void)pthread_mutex_lock(&f->lock);
    while (!f->stop && f->begun < f->count) {
        /* the slot of the entry in use is not free yet: one less is ahead */
        if (f->begun + 1 < f->handed + f->slot_count)
            fetch_one(f);
        else
            (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

struct set_fetch *set_fetch_new(struct store *s, const char *job, const struct set_entry *entries,
                                size_t count)
{
    struct set_fetch *f = mem_alloc(sizeof(*f));
    size_t parallel = (size_t)store_get_parallel(s);

    if (parallel > THREADS_MAX)
        parallel = THREADS_MAX;
    f->store = s;
    f->job = job;
    f->entries = entries;
    f->count = count;
    f->slot_count = 2 * parallel;
    f->slots = mem_alloc(f->slot_count * sizeof(*f->slots));
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    if (parallel > 1) /* without a thread the caller fetches itself */
        while (f->thread_count < parallel && f->thread_count < count &&
               pthread_create(&f->threads[f->thread_count], NULL, fetch_main, f) == 0)
            f->thread_count++;
    return f;
}

static void release(struct slot *slot)
{
    manifest_bytes_deinit(&slot->set.bytes);
    *slot = (struct slot){0};
}

const struct set_fetched *set_fetch_next(struct set_fetch *f)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->handed > 0)
        release(&f->slots[(f->handed - 1) % f->slot_count]);
    const struct slot *slot = NULL;
    if (f->handed < f->count) {
        slot = &f->slots[f->handed % f->slot_count];
        if (f->begun == f->handed)
            fetch_one(f);
        while (!slot->done)
            (void)pthread_cond_wait(&f->changed, &f->lock);
        f->handed++;
        (void)pthread_cond_broadcast(&f->changed);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return slot != NULL ? &slot->set : NULL;
}

void set_fetch_free(struct set_fetch *f)
{
    if (f == NULL)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stop = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->thread_count; i++)
        (void)pthread_join(f->threads[i], NULL);
    for (size_t i = 0; i < f->slot_count; i++)
        release(&f->slots[i]);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->slots);
    free(f);
}
