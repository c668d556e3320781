/* add_stream.c — streams: cut by content. What is not cut yet lies at the end of the block at
 * hand, so that every chunk is in one piece. */
#include <string.h>

#include "lib/repository/add_parts.h"

int adder_stream_begin(struct adder *a, int previous, int copy, struct err *e)
{
    a->content.begin = 0;
    return add_list_begin(a, false, previous, copy, e);
}

/* A fresh block that begins with what is not cut yet. */
static int next_block(struct adder *a, struct err *e)
{
    struct add_content *c = &a->content;
    struct add_block *b;

    if (add_block_take(a, ADD_BLOCK, &b, e) < 0)
        return -1;
    if (c->block != NULL) {
        b->used = c->block->used - c->begin;
        memcpy(b->data, c->block->data + c->begin, b->used);
        add_block_drop(a, &c->block);
    }
    c->block = b;
    c->begin = 0;
    return 0;
}

/* `last`: all of it, else as long as it is sure where to cut. */
static int cut(struct adder *a, bool last, struct err *e)
{
    const struct add_wish how = {.kind = CHUNK_DATA, .cursor = a->list.data_cursor};
    struct add_content *c = &a->content;
    size_t left;

    while (c->block != NULL && (left = c->block->used - c->begin) > 0 &&
           (last || left >= a->stream_cutter.sizes.max)) {
        uint8_t *data = c->block->data + c->begin;
        size_t len = cutter_find(&a->stream_cutter, data, left);
        len = len == 0 ? left : len;
        if (add_submit(a, c->block, data, len, &how, e) < 0)
            return -1;
        c->begin += len;
    }
    return 0;
}

int adder_write(struct adder *a, const void *data, size_t len, struct err *e)
{
    struct add_content *c = &a->content;
    const uint8_t *from = data;

    while (len > 0) {
        if ((c->block == NULL || c->block->used == c->block->cap) && next_block(a, e) < 0)
            return -1;
        size_t room = c->block->cap - c->block->used, n = len < room ? len : room;
        memcpy(c->block->data + c->block->used, from, n);
        c->block->used += n;
        from += n;
        len -= n;
        if (cut(a, false, e) < 0)
            return -1;
    }
    return add_list_pump(a, e);
}

int add_stream_end(struct adder *a, struct err *e)
{
    if (cut(a, true, e) < 0)
        return -1;
    add_block_drop(a, &a->content.block);
    return 0;
}
