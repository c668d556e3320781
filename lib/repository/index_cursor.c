/* index_cursor.c — several segments read side by side, page after page, and the least entry handed out:
 * a heap of their current ones. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

struct stream {
    struct index_segment *segment;
    size_t next_page;
    struct index_page_at at;
    struct index_item x;
    uint8_t page[INDEX_PAGE];
};

struct index_cursor {
    const struct index *ix;
    struct stream *streams; /* owned */
    struct stream **heap;   /* owned: by their current entry */
    size_t heap_count;
    bool begun;
};

struct index_cursor *index_cursor_new(const struct index *ix, struct index_segment *const *segments,
                                      size_t count)
{
    struct index_cursor *c = mem_alloc(sizeof(*c));

    c->ix = ix;
    c->streams = mem_alloc(count * sizeof(*c->streams));
    c->heap = mem_alloc(count * sizeof(struct stream *));
    for (size_t i = 0; i < count; i++) {
        c->streams[i].segment = segments[i];
        c->heap[c->heap_count++] = &c->streams[i];
    }
    return c;
}

void index_cursor_free(struct index_cursor *c)
{
    if (c == NULL)
        return;
    free(c->streams);
    free(c->heap);
    free(c);
}

/* 1: its end. */
static int advance(struct index_cursor *c, struct stream *s, struct err *e)
{
    struct chunk_id before = s->x.chunk.id;

    while (!index_page_next(&s->at, &s->x)) {
        if (s->next_page == s->segment->table.page_count)
            return 1;
        if (index_segment_page(s->segment, c->ix->store, c->ix->keys, s->next_page, s->page, e) < 0)
            return -1;
        s->at = index_page_begin(s->page);
        s->next_page++;
    }
    if (memcmp(before.bytes, s->x.chunk.id.bytes, CHUNK_ID_LEN) > 0) {
        (void)err_set(e, ERR_DAMAGED, "its pages are not in order");
        return index_segment_wrap(&s->segment->name, c->ix->store, e);
    }
    return 0;
}

static bool less(const struct stream *a, const struct stream *b)
{
    return memcmp(a->x.chunk.id.bytes, b->x.chunk.id.bytes, CHUNK_ID_LEN) < 0;
}

static void sink(struct index_cursor *c, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < c->heap_count; child++)
            if (less(c->heap[child], c->heap[least]))
                least = child;
        if (least == i)
            return;
        struct stream *s = c->heap[i];
        c->heap[i] = c->heap[least];
        c->heap[least] = s;
        i = least;
    }
}

static int begin(struct index_cursor *c, struct err *e)
{
    for (size_t i = 0; i < c->heap_count;) {
        int rc = advance(c, c->heap[i], e);
        if (rc < 0)
            return -1;
        if (rc == 1)
            c->heap[i] = c->heap[--c->heap_count];
        else
            i++;
    }
    for (size_t i = c->heap_count / 2; i-- > 0;)
        sink(c, i);
    c->begun = true;
    return 0;
}

int index_cursor_next(struct index_cursor *c, struct index_cursor_item *ret, struct err *e)
{
    if (!c->begun && begin(c, e) < 0)
        return -1;
    if (c->heap_count == 0)
        return 1;
    *ret = (struct index_cursor_item){c->heap[0]->x, c->heap[0]->segment};
    int rc = advance(c, c->heap[0], e);
    if (rc < 0)
        return -1;
    if (rc == 1)
        c->heap[0] = c->heap[--c->heap_count];
    if (c->heap_count > 0)
        sink(c, 0);
    return 0;
}
