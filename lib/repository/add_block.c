/* add_block.c — blocks that are free are kept and used again, but all together, used or not, take no
 * more than ADD_BYTES. */
#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

static void block_free(struct add_block *b)
{
    mem_room_free(b, sizeof(*b) + b->cap);
}

void add_block_free_all(struct adder *a)
{
    while (a->free_blocks != NULL) {
        struct add_block *b = a->free_blocks;
        a->free_blocks = b->next;
        block_free(b);
    }
    a->free_bytes = 0;
}

void add_block_drop_locked(struct adder *a, struct add_block *b)
{
    if (--b->refs > 0)
        return;
    a->bytes -= b->cap;
    a->free_bytes += b->cap;
    b->next = a->free_blocks;
    a->free_blocks = b;
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

static struct add_block *unlink_free(struct adder *a, struct add_block **at)
{
    struct add_block *b = *at;

    *at = b->next;
    a->free_bytes -= b->cap;
    return b;
}

/* A free one that is not much too long; else those that are free make room for a new one. */
static struct add_block *take_free(struct adder *a, size_t cap)
{
    for (struct add_block **at = &a->free_blocks; *at != NULL; at = &(*at)->next)
        if ((*at)->cap >= cap && (*at)->cap <= cap + cap / 2 &&
            (a->bytes == 0 || a->bytes + (*at)->cap <= ADD_BYTES))
            return unlink_free(a, at);
    while (a->free_blocks != NULL && a->bytes + a->free_bytes + cap > ADD_BYTES) {
        struct add_block **at = &a->free_blocks;
        while ((*at)->next != NULL) /* the one that was used longest ago */
            at = &(*at)->next;
        block_free(unlink_free(a, at));
    }
    return NULL;
}

int add_block_take(struct adder *a, size_t len, struct add_block **ret, struct err *e)
{
    size_t cap = (len + ADD_BLOCK - 1) / ADD_BLOCK * ADD_BLOCK;
    struct add_block *b = NULL;
    int rc;

    (void)pthread_mutex_lock(&a->lock);
    while ((rc = add_error_locked(a, e)) == 0 && a->bytes > 0 && a->bytes + cap > ADD_BYTES)
        add_wait_for_room(a);
    if (rc == 0 && (b = take_free(a, cap)) != NULL)
        cap = b->cap;
    if (rc == 0)
        a->bytes += cap;
    (void)pthread_mutex_unlock(&a->lock);
    if (rc < 0)
        return -1;
    if (b == NULL)
        b = mem_room_new(sizeof(*b) + cap);
    b->cap = cap;
    b->used = 0;
    b->refs = 1;
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
