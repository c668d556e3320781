/* list_parse.c — the happy path is: bytes are gathered until a record is whole; its fields are read where
 * they lie, strings moved one byte to the front, over their length, so that each ends in a NUL.
 *
 * Failure modes: anything that the format does not promise is ERR_DAMAGED, and stays it. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/list_check.h"

enum {
    VARINT_MAX = 10,
    HEAD_MAX = 1 + VARINT_MAX,
    IN_MAX = LIST_RECORD_MAX + HEAD_MAX + CHUNK_MAX
};

struct list_parser {
    struct buf in;
    size_t at; /* in in: what lies before was parsed */
    bool failed, ended;
    struct err error;

    struct buf path;  /* of the last entry, with its NUL; empty: there was none */
    char type;        /* of the last entry */
    uint64_t missing; /* content that the last entry still lacks */
    uint64_t entries, bytes;

    struct chunk_ref refs[LIST_REFS_MAX];
    struct list_extent *extents; /* owned */
    size_t extent_room;
    struct list_attribute *attributes; /* owned */
    size_t attribute_room;
};

struct fields { /* of one record; after `bad` everything reads as 0 */
    uint8_t *at, *end;
    bool bad;
};

struct list_parser *list_parser_new(void)
{
    struct list_parser *p = mem_alloc(sizeof(*p));

    p->in = BUF_INIT(IN_MAX);
    p->path = BUF_INIT(LIST_PATH_MAX + 1);
    return p;
}

void list_parser_free(struct list_parser *p)
{
    if (p == NULL)
        return;
    buf_deinit(&p->in);
    buf_deinit(&p->path);
    free(p->extents);
    free(p->attributes);
    free(p);
}

int list_parser_feed(struct list_parser *p, const void *data, size_t len, struct err *e)
{
    buf_consume(&p->in, p->at);
    p->at = 0;
    return buf_append(&p->in, data, len, e);
}

/* Only the shortest form of a number is one. */
static uint64_t get_varint(struct fields *f)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 7 * VARINT_MAX && f->at < f->end && !f->bad; shift += 7) {
        uint8_t byte = *f->at++;
        if ((shift == 63 && byte > 1) || (byte == 0 && shift > 0))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    f->bad = true;
    return 0;
}

static int64_t get_signed(struct fields *f)
{
    uint64_t value = get_varint(f);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static uint32_t get_u32(struct fields *f)
{
    uint64_t value = get_varint(f);

    f->bad |= value > UINT32_MAX;
    return (uint32_t)value;
}

/* A count of things of which each takes at least `each` bytes: nothing is allocated for a lie. */
static size_t get_count(struct fields *f, size_t each)
{
    uint64_t value = get_varint(f);

    f->bad |= value > (size_t)(f->end - f->at) / each;
    return f->bad ? 0 : (size_t)value;
}

static uint8_t *get_bytes(struct fields *f, size_t *ret_len)
{
    uint8_t *data;

    *ret_len = get_count(f, 1);
    data = f->at;
    f->at += *ret_len;
    return data;
}

static const char *get_string(struct fields *f)
{
    size_t len;
    uint8_t *data = get_bytes(f, &len), *s = data - 1; /* the length took that byte, or more */

    if (f->bad || len > LIST_PATH_MAX || memchr(data, '\0', len) != NULL) {
        f->bad = true;
        return "";
    }
    memmove(s, data, len);
    s[len] = '\0';
    return (const char *)s;
}

static void get_ref(struct fields *f, struct chunk_ref *ret)
{
    if ((size_t)(f->end - f->at) < CHUNK_ID_LEN) {
        f->bad = true;
        return;
    }
    memcpy(ret->id.bytes, f->at, CHUNK_ID_LEN);
    f->at += CHUNK_ID_LEN;
    ret->length = get_u32(f);
}

static void get_extents(struct list_parser *p, struct fields *f, struct list_entry *ret)
{
    size_t count = get_count(f, 2);

    if (count > p->extent_room) {
        p->extents = mem_resize_array(p->extents, count, sizeof(*p->extents));
        p->extent_room = count;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = get_varint(f), length = get_varint(f);
        f->bad |= offset > INT64_MAX || length > INT64_MAX;
        p->extents[i] = (struct list_extent){(int64_t)offset, (int64_t)length};
    }
    ret->extents = p->extents;
    ret->extent_count = count;
}

static void get_attributes(struct list_parser *p, struct fields *f, struct list_entry *ret)
{
    size_t count = get_count(f, 2);

    if (count > p->attribute_room) {
        p->attributes = mem_resize_array(p->attributes, count, sizeof(*p->attributes));
        p->attribute_room = count;
    }
    for (size_t i = 0; i < count; i++) {
        struct list_attribute *a = &p->attributes[i];
        a->name = get_string(f);
        a->value = get_bytes(f, &a->value_len);
    }
    ret->attributes = p->attributes;
    ret->attribute_count = count;
}

static void get_entry(struct list_parser *p, struct fields *f, struct list_entry *ret)
{
    ret->path = get_string(f);
    if (f->at == f->end)
        f->bad = true;
    else
        ret->type = (char)*f->at++;
    ret->mode = get_u32(f);
    ret->uid = get_varint(f);
    ret->gid = get_varint(f);
    ret->user = get_string(f);
    ret->group = get_string(f);
    ret->size = get_varint(f);
    ret->mtime_s = get_signed(f);
    ret->mtime_ns = get_u32(f);
    ret->ctime_s = get_signed(f);
    ret->ctime_ns = get_u32(f);
    ret->device = get_varint(f);
    ret->inode = get_varint(f);
    ret->rdev = get_varint(f);
    ret->link = get_string(f);
    get_extents(p, f, ret);
    get_attributes(p, f, ret);
    ret->refs = p->refs;
    ret->ref_count = get_count(f, CHUNK_ID_LEN + 1);
    f->bad |= ret->ref_count > LIST_REFS_MAX;
    for (size_t i = 0; i < ret->ref_count && !f->bad; i++)
        get_ref(f, &p->refs[i]);
}

static int damaged(struct list_parser *p, struct err *e)
{
    p->failed = true;
    (void)err_wrap(&p->error, "list stream, behind entry %llu", (unsigned long long)p->entries);
    if (e != NULL)
        *e = p->error;
    return -1;
}

/* The order says at once that no path comes twice, and who lies in what. */
static int check_place(struct list_parser *p, const struct list_entry *x)
{
    const char *before = (const char *)p->path.data;
    size_t len = p->path.len;

    if (p->entries == 0)
        return p->bytes == 0 ? 0
                             : err_set(&p->error, ERR_DAMAGED, "an entry in a stream's content");
    if (p->missing > 0)
        return err_set(&p->error, ERR_DAMAGED, "%s: content is missing", before);
    if (list_path_compare(before, x->path) >= 0)
        return err_set(&p->error, ERR_DAMAGED, "%s: out of order", x->path);
    if (p->type != 'd' &&
        (len == 1 || (strncmp(before, x->path, len - 1) == 0 && x->path[len - 1] == '/')))
        return err_set(&p->error, ERR_DAMAGED, "%s: lies in what is no folder", x->path);
    return 0;
}

static int take_refs(struct list_parser *p, const struct chunk_ref *refs, size_t count)
{
    uint64_t sum;

    if (list_refs_check(refs, count, &sum, ERR_DAMAGED, &p->error) < 0)
        return -1;
    if (p->entries > 0 && sum > p->missing)
        return err_set(&p->error, ERR_DAMAGED, "%s: more content than its size",
                       (const char *)p->path.data);
    if (sum > (uint64_t)INT64_MAX - p->bytes)
        return err_set(&p->error, ERR_DAMAGED, "more content than there can be");
    p->missing -= p->entries > 0 ? sum : 0;
    p->bytes += sum;
    return 0;
}

static int take_entry(struct list_parser *p, struct fields *f, struct list_record *ret)
{
    struct list_entry *x = &ret->entry;

    get_entry(p, f, x);
    if (f->bad || f->at != f->end)
        return err_set(&p->error, ERR_DAMAGED, "an entry that cannot be read");
    if (list_entry_check(x, ERR_DAMAGED, &p->error) < 0 || check_place(p, x) < 0)
        return -1;
    buf_clear(&p->path);
    if (buf_append(&p->path, x->path, strlen(x->path) + 1, &p->error) < 0)
        return -1;
    p->type = x->type;
    p->missing = x->size;
    p->entries++;
    return take_refs(p, x->refs, x->ref_count);
}

static int take_content(struct list_parser *p, struct fields *f, struct list_record *ret)
{
    size_t count = 0;

    while (f->at < f->end && !f->bad && count < LIST_REFS_MAX)
        get_ref(f, &p->refs[count++]);
    if (f->bad || f->at != f->end)
        return err_set(&p->error, ERR_DAMAGED, "content that cannot be read");
    ret->refs = p->refs;
    ret->ref_count = count;
    return take_refs(p, p->refs, count);
}

static int take_end(struct list_parser *p, struct fields *f, struct list_record *ret)
{
    ret->entries = get_varint(f);
    ret->bytes = get_varint(f);
    if (f->bad || f->at != f->end)
        return err_set(&p->error, ERR_DAMAGED, "an end that cannot be read");
    if (p->missing > 0)
        return err_set(&p->error, ERR_DAMAGED, "%s: content is missing",
                       (const char *)p->path.data);
    if (ret->entries != p->entries || ret->bytes != p->bytes)
        return err_set(&p->error, ERR_DAMAGED, "an end that counts otherwise");
    p->ended = true;
    return 0;
}

static int take_record(struct list_parser *p, struct fields *f, struct list_record *ret)
{
    switch (ret->type) {
    case LIST_ENTRY:
        return take_entry(p, f, ret);
    case LIST_CONTENT:
        return take_content(p, f, ret);
    case LIST_END:
        return take_end(p, f, ret);
    }
    return err_set(&p->error, ERR_DAMAGED, "a record of an unknown type");
}

int list_parser_next(struct list_parser *p, struct list_record *ret, struct err *e)
{
    size_t left = p->in.len - p->at;
    uint8_t *begin = p->in.data + p->at;

    if (p->failed)
        return damaged(p, e);
    if (left == 0)
        return 1;
    if (p->ended) {
        (void)err_set(&p->error, ERR_DAMAGED, "something lies behind the end");
        return damaged(p, e);
    }
    struct fields head = {begin + 1, begin + (left < HEAD_MAX ? left : HEAD_MAX), false};
    uint64_t len = get_varint(&head);
    if (head.bad && left < HEAD_MAX && head.at == head.end)
        return 1;
    if (head.bad || len > LIST_RECORD_MAX) {
        (void)err_set(&p->error, ERR_DAMAGED, "a record whose length cannot be");
        return damaged(p, e);
    }
    if (len > left - (size_t)(head.at - begin))
        return 1;
    struct fields f = {head.at, head.at + len, false};
    p->at += (size_t)(f.end - begin);
    memset(ret, 0, sizeof(*ret));
    ret->type = (enum list_type)begin[0];
    return take_record(p, &f, ret) < 0 ? damaged(p, e) : 0;
}

int list_parser_finish(const struct list_parser *p, struct err *e)
{
    if (p->failed || !p->ended || p->at != p->in.len)
        return err_set(e, ERR_DAMAGED, "list stream: it does not end as it should");
    return 0;
}
