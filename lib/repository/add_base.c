/* add_base.c — bases of deltas, read back from a replica that is near.
 *
 * Whatever goes wrong means that there is no base: the chunk is stored whole then. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/add_parts.h"

enum { PACKS = 8, KEPT = 1 << 20 };

struct add_base {
    struct adder *adder;
    struct { /* the keys of packs that were read from last */
        struct pack_name name;
        struct seal_box *box; /* owned; NULL: free */
    } packs[PACKS];
    size_t turn;
    uint8_t *stored, *plain; /* owned; grow */
    size_t stored_cap, plain_cap;
};

struct add_base *add_base_new(struct adder *a)
{
    struct add_base *b = mem_alloc(sizeof(*b));

    b->adder = a;
    return b;
}

void add_base_free(struct add_base *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < PACKS; i++)
        seal_box_free(b->packs[i].box);
    mem_room_free(b->stored, b->stored_cap);
    mem_room_free(b->plain, b->plain_cap);
    free(b);
}

static void have_room(uint8_t **buffer, size_t *cap, size_t len)
{
    if (*cap >= len)
        return;
    mem_room_free(*buffer, *cap);
    *buffer = mem_room_new(len);
    *cap = len;
}

static void trim(uint8_t **buffer, size_t *cap)
{
    if (*cap <= KEPT)
        return;
    mem_room_free(TAKE(*buffer), *cap);
    *cap = 0;
}

void add_base_trim(struct add_base *b)
{
    trim(&b->stored, &b->stored_cap);
    trim(&b->plain, &b->plain_cap);
}

/* The first that is alive and near. */
static struct store *near_store(struct adder *a)
{
    struct store *s = NULL;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->replica_count && s == NULL; i++)
        if (a->replicas[i].near && !a->replicas[i].failed)
            s = a->replicas[i].store;
    (void)pthread_mutex_unlock(&a->lock);
    return s;
}

static int get_whole(struct store *s, const char *name, uint64_t offset, uint8_t *out, size_t len)
{
    size_t n = 0;

    return store_get(s, name, offset, out, len, &n, NULL) == 0 && n == len ? 0 : -1;
}

static struct seal_box *open_pack(struct add_base *b, struct store *s, const struct index_entry *x,
                                  const char *name)
{
    uint8_t header[OBJECT_HEADER_LEN];
    enum object_class class;

    for (size_t i = 0; i < PACKS; i++)
        if (b->packs[i].box != NULL && memcmp(&b->packs[i].name, &x->pack, sizeof(x->pack)) == 0)
            return b->packs[i].box;
    size_t i = b->turn++ % PACKS;
    seal_box_free(TAKE(b->packs[i].box));
    b->packs[i].name = x->pack;
    if (get_whole(s, name, 0, header, sizeof(header)) < 0 ||
        pack_open(b->adder->repository->keys, header, &b->packs[i].box, &class, NULL) < 0)
        b->packs[i].box = NULL;
    return b->packs[i].box;
}

/* Plain bytes of a whole chunk into b->plain, its id checked. */
static int read_chunk(struct add_base *b, struct chunk_coder *c, const struct index_entry *x)
{
    struct store *s = near_store(b->adder);
    char name[80];

    if (s == NULL)
        return -1;
    pack_object_name(&x->pack, name);
    struct seal_box *box = open_pack(b, s, x, name);
    size_t len = x->chunk.stored + (size_t)SEAL_TAG_LEN;
    have_room(&b->stored, &b->stored_cap, len);
    have_room(&b->plain, &b->plain_cap, x->chunk.length);
    if (box == NULL || get_whole(s, name, x->offset, b->stored, len) < 0 ||
        pack_unbox(box, x->offset, b->stored, x->chunk.stored, b->stored, NULL) < 0)
        return -1;
    return chunk_decode(c, &x->chunk, b->stored, NULL, 0, b->plain, NULL);
}

int add_base_read(struct add_base *b, struct chunk_coder *c, const struct add_slot *s,
                  struct chunk_id *ret_id, const uint8_t **ret, size_t *ret_len)
{
    struct index_entry x;

    if (b->adder->repository->keys->write_only ||
        index_find(b->adder->index, &s->predecessor, &x, NULL) != 0)
        return 1;
    if (x.chunk.codec == CHUNK_DELTA && index_find(b->adder->index, &x.chunk.base, &x, NULL) != 0)
        return 1;
    if (x.chunk.codec == CHUNK_DELTA || x.chunk.kind != s->kind ||
        chunk_id_equal(&x.chunk.id, &s->entry.id) || read_chunk(b, c, &x) != 0)
        return 1;
    *ret_id = x.chunk.id;
    *ret = b->plain;
    *ret_len = x.chunk.length;
    return 0;
}
