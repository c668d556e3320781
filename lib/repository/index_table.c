#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/mem.h"
#include "lib/repository/index_page.h"

enum { PACK_LEN = 32 + 4 + 4, NAME_LEN = sizeof(struct pack_name) };

void index_table_deinit(struct index_table *t)
{
    free(t->packs);
    free(t->replaces);
    free(t->firsts);
    *t = (struct index_table){0};
}

uint8_t *index_table_encode(const struct index_table *t, const uint8_t *first_ids, size_t *ret_len)
{
    size_t len = 3 * sizeof(uint32_t) + t->pack_count * PACK_LEN + t->replace_count * NAME_LEN +
                 t->page_count * CHUNK_ID_LEN;
    uint8_t *data = mem_alloc(len), *at = data;

    bytes_put_u32(at, (uint32_t)t->pack_count);
    at += 4;
    for (size_t i = 0; i < t->pack_count; i++, at += PACK_LEN) {
        memcpy(at, t->packs[i].name.bytes, NAME_LEN);
        bytes_put_u32(at + NAME_LEN, t->packs[i].len);
        bytes_put_u32(at + NAME_LEN + 4, t->packs[i].chunk_bytes);
    }
    bytes_put_u32(at, (uint32_t)t->replace_count);
    at += 4;
    for (size_t i = 0; i < t->replace_count; i++, at += NAME_LEN)
        memcpy(at, t->replaces[i].bytes, NAME_LEN);
    bytes_put_u32(at, (uint32_t)t->page_count);
    at += 4;
    if (t->page_count > 0)
        memcpy(at, first_ids, t->page_count * CHUNK_ID_LEN);
    *ret_len = len;
    return data;
}

/* The next count and where its items begin; false: there are not so many. */
static bool take(const uint8_t **at, size_t *left, size_t each, size_t *ret_count,
                 const uint8_t **ret_items)
{
    if (*left < 4)
        return false;
    *ret_count = bytes_get_u32(*at);
    *ret_items = *at + 4;
    if (*ret_count > (*left - 4) / each)
        return false;
    *at += 4 + *ret_count * each;
    *left -= 4 + *ret_count * each;
    return true;
}

static int parse(const uint8_t *at, size_t left, struct index_table *ret, struct err *e)
{
    const uint8_t *packs, *replaces, *firsts;
    size_t pack_count, replace_count, page_count;

    if (!take(&at, &left, PACK_LEN, &pack_count, &packs) ||
        !take(&at, &left, NAME_LEN, &replace_count, &replaces) ||
        !take(&at, &left, CHUNK_ID_LEN, &page_count, &firsts) || left != 0)
        return err_set(e, ERR_DAMAGED, "its table cannot be read");
    ret->packs = mem_alloc(pack_count * sizeof(*ret->packs));
    ret->replaces = mem_alloc(replace_count * sizeof(*ret->replaces));
    ret->firsts = mem_alloc(page_count * sizeof(*ret->firsts));
    for (; ret->pack_count < pack_count; ret->pack_count++, packs += PACK_LEN) {
        struct index_pack *p = &ret->packs[ret->pack_count];
        memcpy(p->name.bytes, packs, NAME_LEN);
        p->len = bytes_get_u32(packs + NAME_LEN);
        p->chunk_bytes = bytes_get_u32(packs + NAME_LEN + 4);
        if (p->len > PACK_MAX || p->chunk_bytes > p->len)
            return err_set(e, ERR_DAMAGED, "its table names a pack that cannot be");
    }
    for (; ret->replace_count < replace_count; ret->replace_count++, replaces += NAME_LEN)
        memcpy(ret->replaces[ret->replace_count].bytes, replaces, NAME_LEN);
    for (; ret->page_count < page_count; ret->page_count++, firsts += CHUNK_ID_LEN) {
        struct chunk_id id;
        memcpy(id.bytes, firsts, CHUNK_ID_LEN);
        ret->firsts[ret->page_count] = index_prefix(&id);
        if (ret->page_count > 0 && ret->firsts[ret->page_count - 1] > ret->firsts[ret->page_count])
            return err_set(e, ERR_DAMAGED, "its table is not in order");
    }
    return 0;
}

int index_table_parse(const uint8_t *data, size_t len, struct index_table *ret, struct err *e)
{
    *ret = (struct index_table){0};
    if (parse(data, len, ret, e) == 0)
        return 0;
    index_table_deinit(ret);
    return -1;
}
