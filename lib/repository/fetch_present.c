/* fetch_present.c — the happy path is: a file's candidates are compared chunk by chunk, each to its end or to the
 * first chunk that is not right; if none is right as a whole, each chunk is looked for in all of them, and what is
 * found waits in a queue between those that are fetched. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/fetch_parts.h"

enum { WAITING_MAX = 8 << 20 }; /* bytes; one chunk of the longest fits */

struct waiting {
    uint8_t *data; /* owned */
    size_t len;
    uint64_t before;
    struct waiting *next;
};

struct fetch_local {
    struct fetcher *fetcher;
    const struct fetch_present *present; /* borrowed */
    struct chunk_coder *coder;           /* owned; once it is needed */
    uint8_t *room;                       /* owned; for one chunk */
    size_t room_len;
    int candidates; /* of the file under way */
    uint64_t offset;
    struct waiting *first, *last, *current; /* owned; current: handed out */
    size_t waiting;
    uint64_t found;
};

struct fetch_local *fetch_local_new(struct fetcher *f, const struct fetch_present *p)
{
    struct fetch_local *l = mem_alloc(sizeof(*l));

    l->fetcher = f;
    l->present = p;
    return l;
}

static void waiting_free(struct waiting *w)
{
    if (w != NULL)
        free(w->data);
    free(w);
}

void fetch_local_free(struct fetch_local *l)
{
    if (l == NULL)
        return;
    while (l->first != NULL) {
        struct waiting *w = l->first;
        l->first = w->next;
        waiting_free(w);
    }
    waiting_free(l->current);
    fetch_give_coder(l->fetcher, l->coder);
    free(l->room);
    free(l);
}

/* 0: the candidate has this chunk at the offset, and it is in the room; 1: not. */
static int try_chunk(struct fetch_local *l, int candidate, uint64_t offset,
                     const struct chunk_ref *ref, struct err *e)
{
    struct chunk_id id;

    if (l->coder == NULL && fetch_take_coder(l->fetcher, &l->coder, e) < 0)
        return -1;
    if (l->room_len < ref->length) {
        free(l->room);
        l->room = mem_alloc(ref->length);
        l->room_len = ref->length;
    }
    int rc = l->present->read(l->present->arg, candidate, offset, l->room, ref->length, e);
    if (rc != 0)
        return rc;
    chunk_coder_id(l->coder, CHUNK_DATA, l->room, ref->length, &id);
    return chunk_id_equal(&id, &ref->id) ? 0 : 1;
}

/* 0: all of it is right. */
static int try_whole(struct fetch_local *l, int candidate, const struct chunk_ref *refs,
                     size_t count, struct err *e)
{
    uint64_t offset = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = try_chunk(l, candidate, offset, &refs[i], e);
        offset += refs[i].length;
    }
    return rc;
}

int fetch_local_judge(struct fetch_local *l, const struct list_entry *x,
                      const struct chunk_ref *refs, size_t count, enum fetch_verdict *ret,
                      struct err *e)
{
    const struct fetch_present *p = l->present;

    *ret = FETCH_PARTS;
    l->offset = 0;
    l->candidates = p->look(p->arg, x, e);
    for (int i = 0; i < l->candidates; i++) {
        enum fetch_verdict hope = p->hope(p->arg, i);
        int rc = hope == FETCH_PARTS ? 1 : try_whole(l, i, refs, count, e);
        if (rc < 0)
            return -1;
        if (rc == 0 && p->settle(p->arg, i)) {
            *ret = hope;
            return 0;
        }
    }
    return l->candidates < 0 ? -1 : 0;
}

static void add_waiting(struct fetch_local *l, size_t len, uint64_t before)
{
    struct waiting *w = mem_alloc(sizeof(*w));

    *w = (struct waiting){.data = mem_copy(l->room, len), .len = len, .before = before};
    if (l->last != NULL)
        l->last->next = w;
    else
        l->first = w;
    l->last = w;
    l->waiting += len;
    l->found += len;
}

int fetch_local_find(struct fetch_local *l, const struct chunk_ref *ref, uint64_t before,
                     struct err *e)
{
    const uint64_t offset = l->offset;
    int rc = 1;

    for (int i = 0; rc == 1 && i < l->candidates; i++)
        rc = try_chunk(l, i, offset, ref, e);
    l->offset += ref->length;
    if (rc == 0)
        add_waiting(l, ref->length, before);
    return rc;
}

int fetch_local_pass(struct fetch_local *l, const struct chunk_ref *ref, struct err *e)
{
    int rc = try_chunk(l, 0, l->offset, ref, e);

    if (rc == 0)
        l->found = l->offset += ref->length;
    return rc;
}

bool fetch_local_is_full(const struct fetch_local *l)
{
    return l->waiting >= WAITING_MAX;
}

bool fetch_local_next(struct fetch_local *l, uint64_t fetched, const uint8_t **ret, size_t *ret_len)
{
    struct waiting *w = l->first;

    if (w == NULL || w->before != fetched)
        return false;
    waiting_free(l->current);
    l->current = w;
    l->first = w->next;
    if (l->first == NULL)
        l->last = NULL;
    l->waiting -= w->len;
    *ret = w->data;
    *ret_len = w->len;
    return true;
}

uint64_t fetch_local_bytes(const struct fetch_local *l)
{
    return l->found;
}
