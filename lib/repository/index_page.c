#include "lib/repository/index_page.h"

#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"

enum {
    AT_PACK = CHUNK_ID_LEN,
    AT_OFFSET = AT_PACK + 4,
    AT_STORED = AT_OFFSET + 4,
    AT_LENGTH = AT_STORED + 4,
    AT_CODEC = AT_LENGTH + 4,
    AT_KIND = AT_CODEC + 1,
    AT_BASE = AT_KIND + 1
};

uint64_t index_prefix(const struct chunk_id *id)
{
    uint64_t value;

    memcpy(&value, id->bytes, sizeof(value));
    return be64toh(value);
}

int index_item_compare(const void *a, const void *b)
{
    const struct index_item *x = a, *y = b;
    int order = memcmp(x->chunk.id.bytes, y->chunk.id.bytes, CHUNK_ID_LEN);

    if (order != 0)
        return order;
    if (x->pack != y->pack)
        return x->pack < y->pack ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void index_page_clear(struct index_page *p)
{
    memset(p->bytes, 0, sizeof(p->bytes));
    p->used = 2;
    p->count = 0;
}

bool index_page_add(struct index_page *p, const struct index_item *x)
{
    size_t len = x->chunk.codec == CHUNK_DELTA ? INDEX_ENTRY_DELTA : INDEX_ENTRY;
    uint8_t *at = p->bytes + p->used;

    if (len > INDEX_PAGE - p->used)
        return false;
    memcpy(at, x->chunk.id.bytes, CHUNK_ID_LEN);
    bytes_put_u32(at + AT_PACK, x->pack);
    bytes_put_u32(at + AT_OFFSET, x->offset);
    bytes_put_u32(at + AT_STORED, x->chunk.stored);
    bytes_put_u32(at + AT_LENGTH, x->chunk.length);
    at[AT_CODEC] = (uint8_t)x->chunk.codec;
    at[AT_KIND] = (uint8_t)x->chunk.kind;
    if (x->chunk.codec == CHUNK_DELTA)
        memcpy(at + AT_BASE, x->chunk.base.bytes, CHUNK_ID_LEN);
    p->used += len;
    p->count++;
    bytes_put_u16(p->bytes, (uint16_t)p->count);
    return true;
}

size_t index_page_count(const uint8_t page[INDEX_PAGE])
{
    return bytes_get_u16(page);
}

struct index_page_at index_page_begin(const uint8_t page[INDEX_PAGE])
{
    return (struct index_page_at){page + 2, bytes_get_u16(page)};
}

static size_t entry_len(const uint8_t *at)
{
    return at[AT_CODEC] == CHUNK_DELTA ? INDEX_ENTRY_DELTA : INDEX_ENTRY;
}

bool index_page_next(struct index_page_at *p, struct index_item *ret)
{
    const uint8_t *at = p->at;

    if (p->left == 0)
        return false;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->chunk.id.bytes, at, CHUNK_ID_LEN);
    ret->pack = bytes_get_u32(at + AT_PACK);
    ret->offset = bytes_get_u32(at + AT_OFFSET);
    ret->chunk.stored = bytes_get_u32(at + AT_STORED);
    ret->chunk.length = bytes_get_u32(at + AT_LENGTH);
    ret->chunk.codec = (enum chunk_codec)at[AT_CODEC];
    ret->chunk.kind = (enum chunk_kind)at[AT_KIND];
    if (ret->chunk.codec == CHUNK_DELTA)
        memcpy(ret->chunk.base.bytes, at + AT_BASE, CHUNK_ID_LEN);
    p->at += entry_len(at);
    p->left--;
    return true;
}

bool index_page_seek(struct index_page_at *p, const struct chunk_id *id, size_t *ret_passed,
                     struct index_item *ret)
{
    uint64_t wanted = index_prefix(id), here;

    *ret_passed = 0;
    for (; p->left > 0; p->left--, ++*ret_passed) {
        memcpy(&here, p->at, sizeof(here));
        here = be64toh(here);
        if (here > wanted)
            return false;
        if (here == wanted) { /* all 32 bytes decide */
            int order = memcmp(p->at, id->bytes, CHUNK_ID_LEN);
            if (order >= 0)
                return order == 0 && index_page_next(p, ret);
        }
        p->at += entry_len(p->at);
    }
    return false;
}

static bool item_valid(const struct index_item *x, const struct index_table *t)
{
    const struct chunk_entry *c = &x->chunk;

    return x->pack < t->pack_count && c->stored >= 1 && c->stored <= CHUNK_STORED_MAX &&
           c->length >= 1 && c->length <= CHUNK_MAX && c->codec <= CHUNK_DELTA &&
           (c->codec != CHUNK_RAW || c->stored == c->length) && c->kind >= CHUNK_DATA &&
           c->kind <= CHUNK_SET && x->offset >= OBJECT_HEADER_LEN &&
           (uint64_t)x->offset + c->stored + SEAL_TAG_LEN <= t->packs[x->pack].len &&
           (c->codec != CHUNK_DELTA || !chunk_id_equal(&c->id, &c->base));
}

int index_page_check(const uint8_t page[INDEX_PAGE], const struct index_table *t, size_t number,
                     struct err *e)
{
    struct index_page_at p = index_page_begin(page);
    struct chunk_id last = {{0}};
    struct index_item x;
    bool first = true;

    if (p.left == 0)
        return err_set(e, ERR_DAMAGED, "page %zu is empty", number);
    while (p.left > 0) {
        size_t room = (size_t)(page + INDEX_PAGE - p.at);
        if (room < INDEX_ENTRY || room < entry_len(p.at))
            return err_set(e, ERR_DAMAGED, "page %zu counts more than it holds", number);
        (void)index_page_next(&p, &x);
        if (!item_valid(&x, t) || memcmp(last.bytes, x.chunk.id.bytes, CHUNK_ID_LEN) > 0 ||
            (first && index_prefix(&x.chunk.id) != t->firsts[number]))
            return err_set(e, ERR_DAMAGED, "page %zu has an entry that cannot be", number);
        last = x.chunk.id;
        first = false;
    }
    return 0;
}
