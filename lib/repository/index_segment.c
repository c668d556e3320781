/* index_segment.c — the happy path is: the trailer says where the table lies, the table where pages
 * begin. Every piece is a box of its own, so a page needs nothing but itself.
 *
 * Failure modes: a page of the file on this machine is wrong: the file is forgotten and the store
 * asked; what the store has is wrong: ERR_DAMAGED. */
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/index_parts.h"

struct index_segment *index_segment_new(void)
{
    struct index_segment *g = mem_alloc(sizeof(*g));

    g->local.fd = -1;
    if (pthread_mutex_init(&g->box_lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return g;
}

void index_segment_free(struct index_segment *g)
{
    if (g == NULL)
        return;
    index_table_deinit(&g->table);
    index_filter_deinit(&g->filter);
    index_local_deinit(&g->local);
    seal_box_free(g->box);
    (void)pthread_mutex_destroy(&g->box_lock);
    free(g->excluded);
    free(g);
}

void index_segment_object(const struct pack_name *name, char ret[80])
{
    memcpy(ret, "index/", 6);
    hex_encode(name->bytes, sizeof(name->bytes), ret + 6);
}

int index_segment_wrap(const struct pack_name *name, const struct store *s, struct err *e)
{
    char object[80];

    index_segment_object(name, object);
    return err_wrap(e, "%s: %s", store_place(s), object);
}

static int get(struct store *s, const struct index_segment *g, uint64_t offset, void *data,
               size_t len, struct err *e)
{
    char object[80];
    size_t done = 0, got;

    index_segment_object(&g->name, object);
    while (done < len) {
        if (store_get(s, object, offset + done, (uint8_t *)data + done, len - done, &got, e) < 0)
            return -1;
        if (got == 0)
            return err_set(e, ERR_DAMAGED, "it ends early");
        done += got;
    }
    return 0;
}

static int unseal(struct index_segment *g, uint64_t offset, enum seal_kind kind, const void *box,
                  size_t len, void *out, struct err *e)
{
    uint8_t nonce[SEAL_NONCE_LEN];

    seal_nonce(nonce, offset, kind);
    (void)pthread_mutex_lock(&g->box_lock);
    int rc = seal_box_unseal(g->box, nonce, NULL, 0, box, len, out, e);
    (void)pthread_mutex_unlock(&g->box_lock);
    return rc;
}

static int open_box(struct index_segment *g, struct store *s, const struct keys *k, struct err *e)
{
    uint8_t header[OBJECT_HEADER_LEN], key[SEAL_KEY_LEN];
    enum object_class class;
    struct seal_box *box = NULL;
    struct err mine;

    e = e != NULL ? e : &mine;
    if (get(s, g, 0, header, sizeof(header), e) < 0)
        return -1;
    int rc = keys_object_open(k, INDEX_MAGIC, header, &class, key, e);
    if (rc == 0)
        rc = seal_box_open(key, &box, e);
    seal_wipe(key, sizeof(key));
    if (rc < 0) /* an object that is none is one that is not what was written */
        return e->code == ERR_FORMAT ? err_set(e, ERR_DAMAGED, "it is no index segment") : -1;
    (void)pthread_mutex_lock(&g->box_lock);
    if (g->box == NULL)
        g->box = TAKE(box);
    (void)pthread_mutex_unlock(&g->box_lock);
    seal_box_free(box); /* another thread was first */
    return 0;
}

/* What the trailer says, as far as it fits the object's length. */
static int read_trailer(struct index_segment *g, struct store *s, uint64_t *ret_table_at,
                        size_t *ret_table_len, size_t *ret_pages, struct err *e)
{
    uint8_t box[INDEX_TRAILER_BOX], trailer[INDEX_TRAILER];

    if (g->object_len < OBJECT_HEADER_LEN + INDEX_TRAILER_BOX)
        return err_set(e, ERR_DAMAGED, "it is cut short");
    uint64_t at = g->object_len - INDEX_TRAILER_BOX;
    if (get(s, g, at, box, sizeof(box), e) < 0 ||
        unseal(g, at, SEAL_TRAILER, box, sizeof(box), trailer, e) < 0)
        return -1;
    *ret_table_len = bytes_get_u32(trailer);
    *ret_pages = bytes_get_u32(trailer + 4);
    *ret_table_at = OBJECT_HEADER_LEN + (uint64_t)*ret_pages * INDEX_PAGE_BOX;
    if (*ret_table_len < SEAL_TAG_LEN || *ret_table_at + *ret_table_len != at)
        return err_set(e, ERR_DAMAGED, "its length is wrong");
    return 0;
}

int index_segment_open(struct index_segment *g, struct store *s, const struct keys *k,
                       struct err *e)
{
    uint64_t at;
    size_t len, pages;

    index_table_deinit(&g->table);
    if (open_box(g, s, k, e) < 0 || read_trailer(g, s, &at, &len, &pages, e) < 0)
        return -1;
    _cleanup_free_ uint8_t *table = mem_alloc(len);
    if (get(s, g, at, table, len, e) < 0 ||
        unseal(g, at, SEAL_DIRECTORY, table, len, table, e) < 0 ||
        index_table_parse(table, len - SEAL_TAG_LEN, &g->table, e) < 0)
        return -1;
    if (g->table.page_count == pages)
        return 0;
    index_table_deinit(&g->table);
    return err_set(e, ERR_DAMAGED, "its table counts other pages");
}

static int page_from_store(struct index_segment *g, struct store *s, const struct keys *k,
                           size_t number, uint8_t page[INDEX_PAGE], struct err *e)
{
    uint64_t at = OBJECT_HEADER_LEN + (uint64_t)number * INDEX_PAGE_BOX;
    uint8_t box[INDEX_PAGE_BOX];

    if (g->box == NULL && open_box(g, s, k, e) < 0)
        return -1;
    if (get(s, g, at, box, sizeof(box), e) < 0 ||
        unseal(g, at, SEAL_ITEM, box, sizeof(box), page, e) < 0)
        return -1;
    return index_page_check(page, &g->table, number, e);
}

int index_segment_page(struct index_segment *g, struct store *s, const struct keys *k,
                       size_t number, uint8_t page[INDEX_PAGE], struct err *e)
{
    if (g->local.fd >= 0 && index_local_read(&g->local, number, page, e) == 0)
        return 0;
    if (g->local.fd >= 0)
        index_local_forget(&g->local);
    if (g->local.fd >= 0 && !g->stored)
        return -1;
    if (page_from_store(g, s, k, number, page, e) < 0)
        return index_segment_wrap(&g->name, s, e);
    return 0;
}

uint64_t index_segment_count(const struct index_segment *g)
{
    if (g->local.ordinals != NULL)
        return g->local.ordinals[g->table.page_count];
    return (uint64_t)g->table.page_count * INDEX_PAGE_ENTRIES;
}

static int seal_piece(struct seal_box *b, uint64_t *offset, enum seal_kind kind, const void *data,
                      size_t len, uint8_t *box, index_sink *sink, void *arg, struct err *e)
{
    uint8_t nonce[SEAL_NONCE_LEN];

    seal_nonce(nonce, *offset, kind);
    if (seal_box_seal(b, nonce, NULL, 0, data, len, box, e) < 0 ||
        sink(arg, box, len + SEAL_TAG_LEN, e) < 0)
        return -1;
    *offset += len + SEAL_TAG_LEN;
    return 0;
}

static int seal_all(struct index_segment *g, struct seal_box *b, index_sink *sink, void *arg,
                    struct err *e)
{
    uint8_t page[INDEX_PAGE], box[INDEX_PAGE_BOX], trailer[INDEX_TRAILER];
    _cleanup_free_ uint8_t *table = NULL, *table_box = NULL;
    uint64_t offset = OBJECT_HEADER_LEN;
    size_t table_len;

    for (size_t i = 0; i < g->table.page_count; i++)
        if (index_local_read(&g->local, i, page, e) < 0 ||
            seal_piece(b, &offset, SEAL_ITEM, page, sizeof(page), box, sink, arg, e) < 0)
            return -1;
    if (index_local_table(&g->local, &table, &table_len, e) < 0)
        return -1;
    if (table_len > UINT32_MAX - SEAL_TAG_LEN)
        return err_set(e, ERR_LIMIT, "a table of %zu bytes", table_len);
    table_box = mem_alloc(table_len + SEAL_TAG_LEN);
    bytes_put_u32(trailer, (uint32_t)(table_len + SEAL_TAG_LEN));
    bytes_put_u32(trailer + 4, (uint32_t)g->table.page_count);
    if (seal_piece(b, &offset, SEAL_DIRECTORY, table, table_len, table_box, sink, arg, e) < 0)
        return -1;
    return seal_piece(b, &offset, SEAL_TRAILER, trailer, sizeof(trailer), box, sink, arg, e);
}

int index_segment_seal(struct index_segment *g, const uint8_t header[OBJECT_HEADER_LEN],
                       const uint8_t key[SEAL_KEY_LEN], index_sink *sink, void *arg, struct err *e)
{
    struct seal_box *b;

    if (seal_box_open(key, &b, e) < 0)
        return -1;
    int rc = sink(arg, header, OBJECT_HEADER_LEN, e);
    if (rc == 0)
        rc = seal_all(g, b, sink, arg, e);
    seal_box_free(b);
    return rc;
}
