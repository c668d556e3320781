/* check_data.c — the happy path is: threads take the next pack, read it whole, compare its digest with its
 * name, open every box and decode every chunk. Bases that lie in other packs are fetched.
 *
 * Failure modes: a pack that is not what was written is put down with the chunks that are lost; that the
 * store is away ends it. */
#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/check_parts.h"

enum { THREADS_MAX = 16 };

struct data {
    const struct check_spec *spec;
    struct check_result *result;
    struct fetcher *fetcher; /* NULL: write-only */
    const struct index_pack *packs;
    size_t count;
    uint64_t total;

    pthread_mutex_t lock; /* of what follows and of result */
    size_t next;
    bool failed;
    struct err error;
};

struct lost {             /* chunks of a pack that do not come back */
    struct chunk_id *ids; /* owned */
    size_t count;
    struct err why; /* of the first */
};

static void lose(struct lost *l, const struct chunk_id *id, const struct err *why)
{
    if (l->count == 0)
        l->why = *why;
    l->ids = mem_resize_array(l->ids, l->count + 1, sizeof(*l->ids));
    l->ids[l->count++] = *id;
}

static int read_pack(struct data *d, const struct index_pack *p, uint8_t *bytes, struct err *e)
{
    uint8_t digest[SEAL_HASH_LEN];
    size_t done = 0, got = 1;
    char object[80];

    pack_object_name(&p->name, object);
    while (done < p->len && got > 0) {
        if (store_get(d->spec->repository->store, object, done, bytes + done, p->len - done, &got,
                      e) < 0)
            return -1;
        done += got;
    }
    seal_sha256(bytes, done, digest);
    if (done < p->len)
        return err_set(e, ERR_DAMAGED, "it ends early");
    if (memcmp(digest, p->name.bytes, sizeof(digest)) != 0)
        return err_set(e, ERR_DAMAGED, "its digest is not its name");
    return 0;
}

/* The base's plain bytes, or NULL with *e. Owned. */
static uint8_t *fetch_base(struct data *d, const struct chunk_entry *x, size_t *ret_len,
                           struct err *e)
{
    struct index_entry base;
    int rc = index_find(d->spec->index, &x->base, &base, e);

    if (rc != 0 || base.chunk.codec == CHUNK_DELTA) {
        if (rc >= 0)
            (void)err_set(e, ERR_DAMAGED, "the base of a delta is nowhere");
        return NULL;
    }
    uint8_t *out = mem_alloc(base.chunk.length);
    struct chunk_ref ref = {x->base, base.chunk.length};
    *ret_len = base.chunk.length;
    if (fetcher_chunk(d->fetcher, &ref, x->kind, out, e) == 0)
        return out;
    free(out);
    return NULL;
}

/* -1: the chunk does not come back. */
static int check_chunk(struct data *d, struct chunk_coder *coder, struct seal_box *box,
                       const struct chunk_entry *x, uint32_t offset, uint8_t *pack,
                       struct buf *plain, struct err *e)
{
    struct index_entry known;
    uint8_t *base = NULL;
    size_t base_len = 0;

    buf_clear(plain);
    if (buf_reserve(plain, x->length, e) < 0 ||
        pack_unbox(box, offset, pack + offset, x->stored, pack + offset, e) < 0)
        return -1;
    if (x->codec == CHUNK_DELTA && (base = fetch_base(d, x, &base_len, e)) == NULL)
        return -1;
    int rc = chunk_decode(coder, x, pack + offset, base, base_len, plain->data, e);
    free(base);
    if (rc == 0 && index_find(d->spec->index, &x->id, &known, e) != 0)
        return err_set(e, ERR_DAMAGED, "the index does not know one of its chunks");
    return rc;
}

static int open_pack(struct data *d, const struct index_pack *p, const uint8_t *bytes,
                     struct seal_box **ret, struct pack_directory *directory, struct err *e)
{
    enum object_class class;
    size_t need;

    if (pack_open(d->spec->repository->keys, bytes, ret, &class, e) < 0)
        return -1;
    if (pack_directory_read(*ret, p->len, bytes, p->len, directory, &need, e) == 0)
        return 0;
    seal_box_free(TAKE(*ret));
    return e->code == ERR_DAMAGED ? -1 : err_set(e, ERR_DAMAGED, "its directory cannot be read");
}

static int check_chunks(struct data *d, const struct index_pack *p, uint8_t *bytes,
                        struct chunk_coder *coder, struct lost *lost, uint64_t *ret_chunks,
                        struct err *e)
{
    _cleanup_(buf_deinit) struct buf plain = BUF_INIT(CHUNK_MAX);
    struct pack_directory directory = {0};
    struct seal_box *box = NULL;
    uint64_t sum = 0;
    int rc = open_pack(d, p, bytes, &box, &directory, e);

    for (size_t i = 0; i < directory.count && rc == 0; i++) {
        struct err why = {0};
        sum += directory.entries[i].stored + SEAL_TAG_LEN;
        if (check_chunk(d, coder, box, &directory.entries[i], directory.offsets[i], bytes, &plain,
                        &why) == 0)
            continue;
        if (!check_is_finding(&why)) {
            *e = why;
            rc = -1;
        } else {
            lose(lost, &directory.entries[i].id, &why);
        }
    }
    if (rc == 0 && sum != p->chunk_bytes && lost->count == 0)
        rc = err_set(e, ERR_DAMAGED, "the index counts other bytes in it");
    *ret_chunks = directory.count;
    pack_directory_deinit(&directory);
    seal_box_free(box);
    return rc;
}

/* Lock held. */
static void put_down(struct data *d, const struct index_pack *p, const struct lost *lost,
                     const struct err *why)
{
    struct err full = lost->count > 0 ? lost->why : *why;
    char object[80];

    pack_object_name(&p->name, object);
    (void)err_wrap(&full, "%s: %s", store_place(d->spec->repository->store), object);
    check_add_damage(d->result, object, full.code == ERR_NOT_FOUND, &full, lost->ids, lost->count);
}

static int check_pack(struct data *d, const struct index_pack *p, uint8_t *bytes,
                      struct chunk_coder *coder, struct err *e)
{
    struct lost lost = {0};
    struct err why = {0};
    uint64_t chunks = 0;
    int rc = read_pack(d, p, bytes, &why);

    if (d->fetcher != NULL && (rc == 0 || why.code == ERR_DAMAGED)) {
        /* a wrong digest says that something is wrong, the boxes say what */
        struct err inner = why;
        int inner_rc = check_chunks(d, p, bytes, coder, &lost, &chunks, &inner);
        if (inner_rc < 0 && (rc == 0 || !check_is_finding(&inner))) {
            rc = -1;
            why = inner;
        }
    }
    if (rc < 0 && !check_is_finding(&why)) {
        free(lost.ids);
        *e = why;
        return -1;
    }
    (void)pthread_mutex_lock(&d->lock);
    d->result->packs++;
    d->result->bytes += p->len;
    d->result->chunks += chunks;
    if (rc < 0 || lost.count > 0)
        put_down(d, p, &lost, &why);
    int told = check_progress(d->spec, d->result->bytes, d->total, e);
    (void)pthread_mutex_unlock(&d->lock);
    free(lost.ids);
    return told;
}

static void work(struct data *d)
{
    uint8_t *bytes = NULL;
    size_t room = 0;
    struct chunk_coder *coder = NULL;
    struct err why = {0};
    int rc = d->fetcher != NULL ? chunk_coder_new(d->spec->repository->keys, &coder, &why) : 0;

    for (;;) {
        (void)pthread_mutex_lock(&d->lock);
        if (rc < 0 && !d->failed) {
            d->failed = true;
            d->error = why;
        }
        const struct index_pack *p = d->failed || d->next == d->count ? NULL : &d->packs[d->next++];
        (void)pthread_mutex_unlock(&d->lock);
        if (p == NULL)
            break;
        if (p->len > room)
            bytes = mem_resize(bytes, room = p->len);
        rc = check_pack(d, p, bytes, coder, &why);
    }
    chunk_coder_free(coder);
    free(bytes);
}

static void *thread_main(void *arg)
{
    work(arg);
    return NULL;
}

static int run(struct data *d, struct err *e)
{
    pthread_t threads[THREADS_MAX];
    size_t count = 0;

    if (pthread_mutex_init(&d->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    for (int i = 1; i < d->spec->threads && i < THREADS_MAX; i++)
        if (pthread_create(&threads[count], NULL, thread_main, d) == 0)
            count++;
    work(d);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&d->lock);
    if (d->failed)
        *e = d->error;
    return d->failed ? -1 : 0;
}

static uint64_t place_of(const struct pack_name *name)
{
    const uint8_t *b = name->bytes;

    return (uint64_t)b[0] << 24 | (uint64_t)b[1] << 16 | (uint64_t)b[2] << 8 | b[3];
}

/* Packs are in the order of their names. */
static void choose(const struct check_packs *packs, const struct check_range *range, struct data *d)
{
    size_t first = 0, end = packs->count;

    while (range != NULL && first < end && place_of(&packs->items[first].name) < range->from)
        first++;
    while (range != NULL && end > first && place_of(&packs->items[end - 1].name) >= range->to)
        end--;
    d->packs = packs->items + first;
    d->count = end - first;
    for (size_t i = 0; i < d->count; i++)
        d->total += d->packs[i].len;
}

int check_data(const struct check_spec *spec, const struct check_range *range,
               struct check_result *ret, struct err *e)
{
    struct data d = {.spec = spec, .result = ret};
    struct check_packs packs;
    struct err mine;
    int rc;

    e = e != NULL ? e : &mine;
    rc = check_list_packs(spec, &packs, e);
    if (rc == 0 && !spec->repository->keys->write_only)
        rc = fetcher_open(&d.fetcher, spec->repository, spec->index, 1, e);
    if (rc == 0) {
        choose(&packs, range, &d);
        rc = run(&d, e);
    }
    if (rc == 0)
        rc = check_forget_deleted(spec, ret, e);
    if (rc == 0)
        rc = check_name_chunks(spec, ret, e);
    fetcher_close(d.fetcher);
    free(packs.items);
    return rc;
}
