/* add_pipeline.c — the slots, and the threads that work on them.
 *
 * Each slot goes through its states in order. Which thread does what does not matter: whoever is
 * free takes the oldest step that can be done. Two steps go by order of slots: what is decided once
 * its lookup is there (under the lock, since it is short), and what goes into packs (one thread at a
 * time, `packing`). */
#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

int add_error_locked(struct adder *a, struct err *e)
{
    if (a->error.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = a->error;
    return -1;
}

void add_fail_locked(struct adder *a, const struct err *why)
{
    if (a->error.code == ERR_NONE)
        a->error = *why;
    (void)pthread_cond_broadcast(&a->work);
    (void)pthread_cond_broadcast(&a->room);
    (void)pthread_cond_broadcast(&a->puts);
}

void add_fail(struct adder *a, const struct err *why)
{
    (void)pthread_mutex_lock(&a->lock);
    add_fail_locked(a, why);
    (void)pthread_mutex_unlock(&a->lock);
}

/* Slots are done in order, from here on. */
static void advance(struct adder *a)
{
    uint64_t before = a->pack_next;

    while (a->pack_next < a->decide_next && add_slot_at(a, a->pack_next)->state == ADD_DONE)
        a->pack_next++;
    if (a->pack_next != before)
        (void)pthread_cond_signal(&a->room);
}

static void slot_done(struct adder *a, struct add_slot *s)
{
    s->state = ADD_DONE;
    add_block_drop_locked(a, TAKE(s->block));
}

int add_lookup(struct adder *a, const struct chunk_id *id, struct err *e)
{
    struct index_entry found, base;
    int rc = index_find(a->index, id, &found, e);

    if (rc != 0 || found.chunk.codec != CHUNK_DELTA)
        return rc;
    /* Whose base is gone, or going, is as good as gone. */
    rc = index_find(a->index, &found.chunk.base, &base, e);
    return rc == 0 && base.chunk.codec == CHUNK_DELTA ? 1 : rc;
}

/* In the order of slots: is it new, and what stood in its place? */
static int decide(struct adder *a, struct add_slot *s, struct err *e)
{
    if (!s->known && s->epoch != a->epoch) { /* it may have come since */
        int rc = add_lookup(a, &s->entry.id, e);
        if (rc < 0)
            return -1;
        s->known = rc == 0;
    }
    if (s->known || add_ids_has(&a->pending, &s->entry.id)) {
        if (s->cursor != NULL)
            add_cursor_known(s->cursor, &s->entry.id);
        slot_done(a, s);
        return 0;
    }
    add_ids_put(&a->pending, &s->entry.id);
    if (s->cursor != NULL)
        s->has_predecessor = add_cursor_next(s->cursor, &s->predecessor);
    s->state = ADD_WAITS;
    return 0;
}

static int decide_all(struct adder *a, struct err *e)
{
    while (a->decide_next < a->submitted && add_slot_at(a, a->decide_next)->state == ADD_HASHED) {
        if (decide(a, add_slot_at(a, a->decide_next), e) < 0)
            return -1;
        a->decide_next++;
    }
    advance(a);
    return 0;
}

/* --- the steps of a thread; each is called with the lock and lets go of it meanwhile --- */

static int do_hash(struct add_worker *w, struct add_slot *s, struct err *e)
{
    struct adder *a = w->adder;

    s->state = ADD_HASHING;
    s->epoch = a->epoch;
    (void)pthread_mutex_unlock(&a->lock);
    chunk_coder_id(w->coder, s->kind, s->data, s->entry.length, &s->entry.id);
    int rc = add_lookup(a, &s->entry.id, e);
    (void)pthread_mutex_lock(&a->lock);
    s->known = rc == 0;
    s->state = ADD_HASHED;
    return rc < 0 ? -1 : decide_all(a, e);
}

static int do_encode(struct add_worker *w, struct add_slot *s, struct err *e)
{
    struct adder *a = w->adder;

    s->state = ADD_ENCODING;
    (void)pthread_mutex_unlock(&a->lock);
    int rc = add_encode(w, s, e);
    (void)pthread_mutex_lock(&a->lock);
    s->state = ADD_READY;
    return rc;
}

static int do_pack(struct add_worker *w, struct add_slot *s, struct err *e)
{
    struct adder *a = w->adder;

    a->packing = true;
    (void)pthread_mutex_unlock(&a->lock);
    int rc = add_pack_chunk(a, s, e);
    (void)pthread_mutex_lock(&a->lock);
    a->packing = false;
    if (rc < 0)
        return -1;
    slot_done(a, s);
    advance(a);
    return 0;
}

typedef int add_step(struct add_worker *w, struct add_slot *s, struct err *e);

/* What there is to do: the end of the line first, so that it empties. */
static add_step *next_step(struct adder *a, struct add_slot **ret)
{
    struct add_slot *s;

    if (!a->packing && a->pack_next < a->decide_next) {
        s = *ret = add_slot_at(a, a->pack_next);
        if (s->state == ADD_READY && add_pack_has_room(a, s))
            return do_pack;
    }
    while (a->encode_next < a->decide_next) {
        s = *ret = add_slot_at(a, a->encode_next++);
        if (s->state == ADD_WAITS)
            return do_encode;
    }
    if (a->hash_next == a->submitted)
        return NULL;
    *ret = add_slot_at(a, a->hash_next++);
    return do_hash;
}

void *add_worker_main(void *worker)
{
    struct add_worker *w = worker;
    struct adder *a = w->adder;
    struct add_slot *s;
    struct err e = {0};

    (void)pthread_mutex_lock(&a->lock);
    while (!a->stopping && a->error.code == ERR_NONE) {
        add_step *step = next_step(a, &s);
        if (step == NULL)
            (void)pthread_cond_wait(&a->work, &a->lock);
        else if (step(w, s, &e) < 0)
            add_fail_locked(a, &e);
        else
            (void)pthread_cond_signal(&a->work); /* there may be more to do than before */
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* --- the caller's side --- */

bool add_reap(struct adder *a, enum chunk_kind *ret_kind, struct chunk_ref *ret)
{
    (void)pthread_mutex_lock(&a->lock);
    bool any = a->reaped < a->pack_next;
    if (any) {
        const struct add_slot *s = add_slot_at(a, a->reaped++);
        *ret_kind = s->kind;
        *ret = (struct chunk_ref){.id = s->entry.id, .length = s->entry.length};
    }
    (void)pthread_mutex_unlock(&a->lock);
    return any;
}

/* Until a slot is free; what is done goes where it belongs. */
static int wait_for_slot(struct adder *a, struct err *e)
{
    struct chunk_ref ref;
    enum chunk_kind kind;
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && a->submitted - a->reaped == ADD_SLOTS &&
           a->reaped == a->pack_next)
        add_wait_for_room(a);
    bool full = a->submitted - a->reaped == ADD_SLOTS;
    (void)pthread_mutex_unlock(&a->lock);
    while (rc == 0 && full && add_reap(a, &kind, &ref))
        rc = add_list_take(a, kind, &ref, e);
    return rc;
}

int add_submit(struct adder *a, struct add_block *b, uint8_t *data, size_t len,
               const struct add_wish *how, struct err *e)
{
    if (wait_for_slot(a, e) < 0)
        return -1;
    (void)pthread_mutex_lock(&a->lock);
    struct add_slot *s = add_slot_at(a, a->submitted++);
    *s = (struct add_slot){.state = ADD_NEW,
                           .kind = how->kind,
                           .block = b,
                           .data = data,
                           .entry = {.length = (uint32_t)len, .kind = how->kind},
                           .cursor = how->cursor,
                           .has_predecessor = how->predecessor != NULL};
    if (how->predecessor != NULL)
        s->predecessor = *how->predecessor;
    b->refs++;
    (void)pthread_cond_signal(&a->work);
    (void)pthread_mutex_unlock(&a->lock);
    return 0;
}

int add_wait_idle(struct adder *a, struct err *e)
{
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && (a->pack_next < a->submitted || a->packing))
        add_wait_for_room(a);
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}
