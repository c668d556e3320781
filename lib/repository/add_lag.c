/* add_lag.c — a far replica that holds up the read.
 *
 * It counts when the caller waits for room that there will be none of before the far one has put what all
 * others have put already, and in all since it was last through with what there was: one that is slow is
 * seldom still. After ADD_LATE_S it drops out, if its copy can come from elsewhere. */
#include "lib/repository/add_parts.h"

enum { LOOK_MS = 5 }; /* far less than a pack takes */

/* Do the workers wait for a builder to be free? */
static bool is_full(struct adder *a)
{
    if (a->packing || a->pack_next == a->decide_next)
        return false;
    struct add_slot *s = add_slot_at(a, a->pack_next);
    return s->state == ADD_READY && !add_pack_has_room(a, s);
}

/* The far replicas that alone some pack waits for; bits. */
static uint32_t who_holds_up(struct adder *a)
{
    uint32_t far = 0, held = 0;

    for (size_t i = 0; i < a->replica_count; i++)
        if (a->replicas[i].may_lag)
            far |= 1U << i;
    for (const struct add_job *job = a->jobs; far != 0 && job != NULL; job = job->next)
        if ((job->waits & ~far) == 0)
            held |= job->waits;
    return held != 0 && is_full(a) ? held : 0;
}

static bool others_left(const struct adder *a, size_t replica)
{
    for (size_t i = 0; i < a->replica_count; i++)
        if (i != replica && !a->replicas[i].failed)
            return true;
    return false;
}

/* Whether there is somebody else who can supply what this one lacks. */
static bool is_elsewhere(const struct adder *a, size_t replica)
{
    return others_left(a, replica) || (a->elsewhere != NULL && a->elsewhere(a->elsewhere_arg));
}

/* Its lanes end soon, unless they stand where the index, which goes on, is read. */
static void let_go(struct adder *a, size_t replica)
{
    struct store *s = a->replicas[replica].store;

    if (s != a->repository->store || !others_left(a, replica))
        store_give_up(s);
}

static void count(struct adder *a, uint32_t held, int64_t us)
{
    for (size_t i = 0; i < a->replica_count; i++) {
        struct add_replica *r = &a->replicas[i];
        struct err why = {0};
        if ((held & 1U << i) == 0 || !is_elsewhere(a, i))
            continue;
        r->held_us += us;
        if (r->held_us < ADD_LATE_S * 1000000LL)
            continue;
        (void)err_set(&why, ERR_LATE, "%s: it was too slow for the others; the copy follows",
                      store_place(r->store));
        let_go(a, i);
        add_put_drop(a, i, &why);
    }
}

void add_wait_for_room(struct adder *a)
{
    uint32_t held = who_holds_up(a);

    if (held == 0) {
        (void)pthread_cond_wait(&a->room, &a->lock);
        return;
    }
    const struct mono begin = clock_mono();
    (void)pthread_mutex_unlock(&a->lock);
    clock_sleep_ms(LOOK_MS);
    (void)pthread_mutex_lock(&a->lock);
    count(a, held & who_holds_up(a), clock_mono().us - begin.us);
}
