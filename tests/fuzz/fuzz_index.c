/* Any bytes as the table of an index segment and as its first page: refused, or entries that lie inside packs that the
 * table has, in order, each found again by its id. Input: length of the table (u16), table, page. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/index_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
    if (!holds)
        abort();
}

/* Written again it is the same. firsts: where the ids of pages are in the bytes. */
static void check_table(const struct index_table *t, const uint8_t *data, size_t len)
{
    const uint8_t *firsts = data + len - t->page_count * CHUNK_ID_LEN;
    size_t again_len;
    _cleanup_free_ uint8_t *again = index_table_encode(t, firsts, &again_len);

    insist(again_len == len && memcmp(again, data, len) == 0);
    for (size_t i = 0; i < t->pack_count; i++)
        insist(t->packs[i].len <= PACK_MAX && t->packs[i].chunk_bytes <= t->packs[i].len);
}

static void check_item(const struct index_item *x, const struct index_table *t)
{
    const struct chunk_entry *c = &x->chunk;

    insist(x->pack < t->pack_count);
    insist(x->offset >= OBJECT_HEADER_LEN &&
           (uint64_t)x->offset + c->stored + SEAL_TAG_LEN <= t->packs[x->pack].len);
    insist(c->stored >= 1 && c->stored <= CHUNK_STORED_MAX && c->length >= 1 &&
           c->length <= CHUNK_MAX);
    insist(c->codec <= CHUNK_DELTA && c->kind >= CHUNK_DATA && c->kind <= CHUNK_SET);
}

static void check_page(const uint8_t page[INDEX_PAGE], const struct index_table *t)
{
    struct index_page_at p = index_page_begin(page);
    struct index_item x, found;
    struct chunk_id last = {{0}};
    size_t count = 0, passed;

    for (; index_page_next(&p, &x); count++) {
        struct index_page_at seek = index_page_begin(page);
        check_item(&x, t);
        insist(memcmp(last.bytes, x.chunk.id.bytes, CHUNK_ID_LEN) <= 0);
        insist(index_page_seek(&seek, &x.chunk.id, &passed, &found) &&
               chunk_id_equal(&found.chunk.id, &x.chunk.id) && passed <= count);
        last = x.chunk.id;
    }
    insist(count == index_page_count(page) && count >= 1 && count <= INDEX_PAGE_ENTRIES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_table t;

    if (size < 2)
        return 0;
    size_t len = bytes_get_u16(data), rest;
    data += 2;
    size -= 2;
    len = len < size ? len : size;
    if (index_table_parse(data, len, &t, NULL) < 0)
        return 0;
    check_table(&t, data, len);
    rest = size - len < INDEX_PAGE ? size - len : INDEX_PAGE;
    /* on the heap, so that reading past it is seen */
    _cleanup_free_ uint8_t *page = mem_alloc(INDEX_PAGE);
    memcpy(page, data + len, rest);
    if (t.page_count > 0 && index_page_check(page, &t, 0, NULL) == 0)
        check_page(page, &t);
    index_table_deinit(&t);
    return 0;
}
