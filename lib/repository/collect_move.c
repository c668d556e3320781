#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/collect_parts.h"
#include "lib/repository/object.h"

enum { MOVES_MAX = 1 << 20 }; /* chunks at once: 8 bytes each */

struct move {
    uint32_t pack, offset; /* number in c->packs; where its box begins */
};

struct mover {
    struct collector *c;
    bool *chosen;       /* owned: for each pack */
    struct move *moves; /* owned, sorted */
    size_t count, cap;
    struct pack_builder *builders[OBJECT_LISTS + 1]; /* owned; NULL until one is needed */
    struct index_writer *writer;                     /* owned */
    uint8_t *pack, *stored;                          /* owned */
};

static void mover_deinit(struct mover *m)
{
    for (size_t i = 0; i < ARRAY_LEN(m->builders); i++)
        pack_builder_free(m->builders[i]);
    index_writer_free(m->writer);
    free(m->chosen);
    free(m->moves);
    free(m->pack);
    free(m->stored);
}

static bool mostly_dead(const struct collect_pack *p)
{
    return p->indexed && p->at_store && !p->on_trash && p->live_bytes > 0 &&
           p->live_bytes * 2 < p->chunk_bytes;
}

static int least_live_first(const void *a, const void *b, void *packs)
{
    const struct collect_pack *x = (struct collect_pack *)packs + *(const uint32_t *)a;
    const struct collect_pack *y = (struct collect_pack *)packs + *(const uint32_t *)b;

    if (x->live_bytes != y->live_bytes)
        return x->live_bytes < y->live_bytes ? -1 : 1;
    return memcmp(&x->name, &y->name, sizeof(x->name));
}

/* Those where least is left give most room for what is moved. */
static bool choose(struct mover *m)
{
    struct collector *c = m->c;
    _cleanup_free_ uint32_t *order = mem_alloc(c->pack_count * sizeof(*order));
    uint64_t bytes = 0;
    size_t count = 0, taken = 0;

    m->chosen = mem_alloc(c->pack_count * sizeof(*m->chosen));
    for (size_t i = 0; i < c->pack_count; i++)
        if (mostly_dead(&c->packs[i]))
            order[count++] = (uint32_t)i;
    if (count > 0)
        qsort_r(order, count, sizeof(*order), least_live_first, c->packs);
    for (; taken < count; taken++) {
        bytes += c->packs[order[taken]].live_bytes;
        if (bytes > c->spec->repack_max)
            break;
        m->chosen[order[taken]] = true;
    }
    return taken > 0;
}

static int note_move(struct collector *c, const struct index_entry *x, struct collect_pack *p,
                     void *arg, struct err *e)
{
    struct mover *m = arg;
    size_t number = (size_t)(p - c->packs);

    (void)e;
    if (!m->chosen[number])
        return 0;
    if (m->count == MOVES_MAX) { /* the pack stays for next time, with what is noted of it */
        m->chosen[number] = false;
        return 0;
    }
    if (m->count == m->cap) {
        m->cap = m->cap == 0 ? 1024 : 2 * m->cap;
        m->moves = mem_resize_array(m->moves, m->cap, sizeof(*m->moves));
    }
    m->moves[m->count++] = (struct move){.pack = (uint32_t)number, .offset = x->offset};
    return 0;
}

static int compare_moves(const void *a, const void *b)
{
    const struct move *x = a, *y = b;

    if (x->pack != y->pack)
        return x->pack < y->pack ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int put_segment(struct mover *m, struct err *e)
{
    const char *name;
    const uint8_t *data;
    size_t len;
    int rc = index_writer_flush(m->writer, &name, &data, &len, e);

    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (object_put(m->c->r->store, name, data, len, e) < 0)
        return -1;
    collect_put_others(m->c, name, data, len);
    return 0;
}

static int put_pack(struct mover *m, struct pack_builder *b, struct err *e)
{
    struct pack_built built;
    char name[80];

    if (b == NULL || pack_builder_count(b) == 0)
        return 0;
    if (log_check_holder(m->c->r->pruner, m->c->spec->who, e) < 0 ||
        pack_builder_finish(b, &built, e) < 0)
        return -1;
    pack_object_name(&built.name, name);
    if (object_put(m->c->r->store, name, built.data, built.len, e) < 0)
        return -1;
    collect_put_others(m->c, name, built.data, built.len);
    if (index_writer_add(m->writer, NULL, &built, e) < 0)
        return -1;
    return index_writer_is_full(m->writer) ? put_segment(m, e) : 0;
}

static int add_chunk(struct mover *m, enum object_class class, const struct chunk_entry *x,
                     struct err *e)
{
    struct pack_builder **b = &m->builders[class];
    uint32_t offset;

    if (*b == NULL && pack_builder_new(m->c->r->keys, class, b, e) < 0)
        return -1;
    if (!pack_builder_fits(*b, x->stored) &&
        (put_pack(m, *b, e) < 0 || pack_builder_reset(*b, class, e) < 0))
        return -1;
    return pack_builder_add(*b, x, m->stored, &offset, e);
}

static const struct chunk_entry *entry_at(const struct pack_directory *d, uint32_t offset)
{
    for (size_t low = 0, high = d->count; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (d->offsets[mid] == offset)
            return &d->entries[mid];
        if (d->offsets[mid] < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static int move_chunks(struct mover *m, const struct move *moves, size_t count,
                       const struct pack_directory *d, struct seal_box *box,
                       enum object_class class, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct chunk_entry *x = entry_at(d, moves[i].offset);
        if (x == NULL)
            return err_set(e, ERR_DAMAGED, "the index names a chunk that is not in it");
        if (pack_unbox(box, moves[i].offset, m->pack + moves[i].offset, x->stored, m->stored, e) <
                0 ||
            add_chunk(m, class, x, e) < 0)
            return -1;
        m->c->result->moved_bytes += x->stored + SEAL_TAG_LEN;
    }
    return 0;
}

/* The whole pack, compared with its name: what is moved is what was written. */
static int read_pack(struct mover *m, const struct collect_pack *p, const char *name, struct err *e)
{
    uint8_t digest[SEAL_HASH_LEN];
    size_t len;

    if (store_get(m->c->r->store, name, 0, m->pack, p->len, &len, e) < 0)
        return -1;
    seal_sha256(m->pack, len, digest);
    if (len < OBJECT_HEADER_LEN || memcmp(digest, p->name.bytes, sizeof(digest)) != 0)
        return err_set(e, ERR_DAMAGED, "its bytes are not those that were written");
    return 0;
}

static int move_pack(struct mover *m, struct collect_pack *p, const struct move *moves,
                     size_t count, struct err *e)
{
    struct pack_directory d = {0};
    struct seal_box *box = NULL;
    enum object_class class;
    char name[80];
    size_t need;

    pack_object_name(&p->name, name);
    if (collect_cancelled(m->c, e) < 0)
        return -1;
    int rc = read_pack(m, p, name, e);
    if (rc == 0)
        rc = pack_open(m->c->r->keys, m->pack, &box, &class, e);
    if (rc == 0)
        rc = pack_directory_read(box, p->len, m->pack, p->len, &d, &need, e) == 0
                 ? 0
                 : err_set(e, ERR_DAMAGED, "its directory cannot be read");
    if (rc == 0)
        rc = move_chunks(m, moves, count, &d, box, class, e);
    if (rc == 0)
        p->moved = true;
    pack_directory_deinit(&d);
    seal_box_free(box);
    return rc < 0 ? err_wrap(e, "%s", name) : 0;
}

/* What is damaged stays where it is: to repair it is another's work. */
static int move_all(struct mover *m, struct err *e)
{
    for (size_t i = 0, end; i < m->count; i = end) {
        struct collect_pack *p = &m->c->packs[m->moves[i].pack];
        struct err why;
        for (end = i; end < m->count && m->moves[end].pack == m->moves[i].pack; end++)
            ;
        collect_progress(m->c, "move", i, m->count);
        if (!m->chosen[m->moves[i].pack] || move_pack(m, p, m->moves + i, end - i, &why) == 0)
            continue;
        if (why.code != ERR_DAMAGED && why.code != ERR_NOT_FOUND) {
            if (e != NULL)
                *e = why;
            return -1;
        }
        collect_problem(m->c, "%s (synbakctl verify)", why.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(m->builders); i++)
        if (put_pack(m, m->builders[i], e) < 0)
            return -1;
    return put_segment(m, e);
}

/* From here on the index leads to the new places too. */
static void give_up_old(struct collector *c)
{
    for (size_t i = 0; i < c->pack_count; i++)
        if (c->packs[i].moved) {
            c->packs[i].dead = true;
            c->result->repacked++;
        }
}

int collect_move(struct collector *c, struct err *e)
{
    _cleanup_(mover_deinit) struct mover m = {.c = c};

    if (c->spec->repack_max == 0 || !choose(&m))
        return 0;
    if (collect_sweep(c, note_move, &m, e) < 0)
        return -1;
    if (m.count > 0)
        qsort(m.moves, m.count, sizeof(*m.moves), compare_moves);
    m.writer = index_writer_new(c->r->keys, c->r->cache_dir);
    m.pack = mem_alloc(PACK_MAX);
    m.stored = mem_alloc(CHUNK_STORED_MAX);
    if (move_all(&m, e) < 0)
        return -1;
    give_up_old(c);
    return 0;
}
