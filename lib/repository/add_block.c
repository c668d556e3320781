/* add_block.c — blocks lie one behind the other in one room of ADD_BYTES, which is used over and over: memory
 * is touched for the first time once, not for each file. They are given back nearly in the order in which
 * they were taken, as slots are done in order; one that is done early waits for those before it. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

void add_blocks_init(struct add_blocks *x)
{
    x->room = mem_room_new(ADD_BYTES);
}

static void forget_oldest(struct add_blocks *x)
{
    struct add_block *b = x->oldest;

    x->oldest = b->next;
    if (x->oldest == NULL)
        x->newest = NULL;
    free(b);
}

void add_blocks_deinit(struct add_blocks *x)
{
    while (x->oldest != NULL)
        forget_oldest(x);
    mem_room_free(x->room, ADD_BYTES);
}

void add_block_drop_locked(struct adder *a, struct add_block *b)
{
    struct add_blocks *x = &a->blocks;

    if (--b->refs > 0)
        return;
    while (x->oldest != NULL && x->oldest->refs == 0)
        forget_oldest(x);
    (void)pthread_cond_signal(&a->room);
}

void add_block_drop(struct adder *a, struct add_block **b)
{
    if (*b == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    add_block_drop_locked(a, TAKE(*b));
    (void)pthread_mutex_unlock(&a->lock);
}

/* Where a block of cap bytes can begin; NULL: nowhere yet. */
static uint8_t *find_room(const struct add_blocks *x, size_t cap)
{
    if (x->oldest == NULL)
        return x->room;
    uint8_t *begin = x->oldest->data, *end = x->newest->data + x->newest->cap;
    if (begin >= end) /* the newest ones went on at the beginning of the room */
        return (size_t)(begin - end) >= cap ? end : NULL;
    if ((size_t)(x->room + ADD_BYTES - end) >= cap)
        return end;
    return (size_t)(begin - x->room) >= cap ? x->room : NULL;
}

int add_block_take(struct adder *a, size_t len, struct add_block **ret, struct err *e)
{
    struct add_blocks *x = &a->blocks;
    size_t cap = len <= ADD_BLOCK ? ADD_BLOCK : (len + ADD_ROUND - 1) / ADD_ROUND * ADD_ROUND;
    uint8_t *at;
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && (at = find_room(x, cap)) == NULL)
        add_wait_for_room(a);
    if (rc == 0) {
        struct add_block *b = mem_alloc(sizeof(*b));
        *b = (struct add_block){.data = at, .cap = cap, .refs = 1};
        if (x->newest == NULL)
            x->oldest = b;
        else
            x->newest->next = b;
        x->newest = *ret = b;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

int add_block_reserve(struct adder *a, struct add_block **b, size_t len, struct err *e)
{
    if (*b != NULL && (*b)->cap - (*b)->used >= len)
        return 0;
    add_block_drop(a, b);
    return add_block_take(a, len, b, e);
}
