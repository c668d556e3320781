#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

void add_block_drop_locked(struct adder *a, struct add_block *b)
{
    if (--b->refs > 0)
        return;
    a->bytes -= b->cap;
    (void)pthread_cond_signal(&a->room);
    if (b->cap != ADD_BLOCK) {
        free(b);
        return;
    }
    b->next = a->free_blocks;
    a->free_blocks = b;
}

void add_block_drop(struct adder *a, struct add_block **b)
{
    if (*b == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    add_block_drop_locked(a, TAKE(*b));
    (void)pthread_mutex_unlock(&a->lock);
}

int add_block_take(struct adder *a, size_t len, struct add_block **ret, struct err *e)
{
    size_t cap = len > ADD_BLOCK ? len : ADD_BLOCK;
    struct add_block *b = NULL;
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && a->bytes > 0 && a->bytes + cap > ADD_BYTES)
        (void)pthread_cond_wait(&a->room, &a->lock);
    if (rc == 0)
        a->bytes += cap;
    if (rc == 0 && cap == ADD_BLOCK && (b = a->free_blocks) != NULL)
        a->free_blocks = b->next;
    (void)pthread_mutex_unlock(&a->lock);
    if (rc < 0)
        return -1;
    if (b == NULL)
        b = mem_alloc_room(sizeof(*b) + cap);
    *b = (struct add_block){.cap = cap, .refs = 1};
    *ret = b;
    return 0;
}

int add_block_reserve(struct adder *a, struct add_block **b, size_t len, struct err *e)
{
    if (*b != NULL && (*b)->cap - (*b)->used >= len)
        return 0;
    add_block_drop(a, b);
    return add_block_take(a, len, b, e);
}
