/* list_encode.c — records are gathered aside, because their length stands before them. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/repository/list_check.h"

enum { VARINT_MAX = 10 };

static int put_varint(struct buf *out, uint64_t value, struct err *e)
{
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;

    do {
        bytes[len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    return buf_append(out, bytes, len, e);
}

static int put_signed(struct buf *out, int64_t value, struct err *e)
{
    return put_varint(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0), e);
}

static int put_bytes(struct buf *out, const void *data, size_t len, struct err *e)
{
    return put_varint(out, len, e) < 0 || (len > 0 && buf_append(out, data, len, e) < 0) ? -1 : 0;
}

static int put_string(struct buf *out, const char *s, struct err *e)
{
    return put_bytes(out, s, strlen(s), e);
}

static int put_refs(struct buf *out, const struct chunk_ref *refs, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (buf_append(out, refs[i].id.bytes, CHUNK_ID_LEN, e) < 0 ||
            put_varint(out, refs[i].length, e) < 0)
            return -1;
    return 0;
}

static int put_varints(struct buf *out, const uint64_t *values, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (put_varint(out, values[i], e) < 0)
            return -1;
    return 0;
}

static int put_extents(struct buf *out, const struct list_entry *x, struct err *e)
{
    int rc = put_varint(out, x->extent_count, e);

    for (size_t i = 0; i < x->extent_count && rc == 0; i++)
        rc = put_varints(
            out, (const uint64_t[]){(uint64_t)x->extents[i].offset, (uint64_t)x->extents[i].length},
            2, e);
    return rc;
}

static int put_attributes(struct buf *out, const struct list_entry *x, struct err *e)
{
    int rc = put_varint(out, x->attribute_count, e);

    for (size_t i = 0; i < x->attribute_count && rc == 0; i++) {
        const struct list_attribute *a = &x->attributes[i];
        if (put_string(out, a->name, e) < 0 || put_bytes(out, a->value, a->value_len, e) < 0)
            rc = -1;
    }
    return rc;
}

static int put_entry(struct buf *out, const struct list_entry *x, struct err *e)
{
    if (put_string(out, x->path, e) < 0 || buf_append(out, &x->type, 1, e) < 0 ||
        put_varints(out, (const uint64_t[]){x->mode, x->uid, x->gid}, 3, e) < 0 ||
        put_string(out, x->user, e) < 0 || put_string(out, x->group, e) < 0 ||
        put_varint(out, x->size, e) < 0 || put_signed(out, x->mtime_s, e) < 0 ||
        put_varint(out, x->mtime_ns, e) < 0 || put_signed(out, x->ctime_s, e) < 0 ||
        put_varints(out, (const uint64_t[]){x->ctime_ns, x->device, x->inode, x->rdev}, 4, e) < 0 ||
        put_string(out, x->link, e) < 0 || put_extents(out, x, e) < 0 ||
        put_attributes(out, x, e) < 0 || put_varint(out, x->ref_count, e) < 0)
        return -1;
    return put_refs(out, x->refs, x->ref_count, e);
}

static int put_record(struct buf *out, enum list_type type, const struct buf *payload,
                      struct err *e)
{
    uint8_t byte = (uint8_t)type;
    size_t before = out->len;

    if (buf_append(out, &byte, 1, e) == 0 && put_bytes(out, payload->data, payload->len, e) == 0)
        return 0;
    out->len = before; /* a record is there whole or not at all */
    return -1;
}

int list_put_entry(struct buf *out, const struct list_entry *x, struct err *e)
{
    _cleanup_(buf_deinit) struct buf payload = BUF_INIT(LIST_RECORD_MAX);

    if (list_entry_check(x, ERR_LIMIT, e) < 0)
        return -1;
    if (put_entry(&payload, x, e) < 0)
        return err_wrap(e, "%s", x->path);
    return put_record(out, LIST_ENTRY, &payload, e);
}

int list_put_content(struct buf *out, const struct chunk_ref *refs, size_t count, struct err *e)
{
    _cleanup_(buf_deinit) struct buf payload = BUF_INIT(LIST_RECORD_MAX);
    uint64_t bytes;

    if (list_refs_check(refs, count, &bytes, ERR_LIMIT, e) < 0 ||
        put_refs(&payload, refs, count, e) < 0)
        return -1;
    return put_record(out, LIST_CONTENT, &payload, e);
}

int list_put_end(struct buf *out, uint64_t entries, uint64_t bytes, struct err *e)
{
    _cleanup_(buf_deinit) struct buf payload = BUF_INIT(LIST_RECORD_MAX);

    if (put_varints(&payload, (const uint64_t[]){entries, bytes}, 2, e) < 0)
        return -1;
    return put_record(out, LIST_END, &payload, e);
}
