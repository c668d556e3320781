#include "lib/tree/tar_names.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { BLOCK = 512, SIZE_AT = 124, SUM_AT = 148, TYPE_AT = 156 };

static bool number_at(const uint8_t *field, size_t len, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;

    if (field[0] == 0x80) { /* binary, for sizes beyond 8 GiB */
        for (i = 1; i < len; i++) {
            if (n >> 55 != 0)
                return false;
            n = n << 8 | field[i];
        }
        *ret = n;
        return true;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        n = n << 3 | (uint64_t)(field[i] - '0');
    *ret = n;
    return i == len || field[i] == ' ' || field[i] == '\0';
}

static bool sum_is_right(const uint8_t *header)
{
    uint64_t says, sum = 0;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : header[i];
    return number_at(header + SUM_AT, 8, &says) && says == sum;
}

static void begin_record(struct tar_names *t)
{
    memset(&t->record, 0, sizeof(t->record));
}

/* A whole header: what follows it? */
static void take_header(struct tar_names *t)
{
    static const uint8_t zero[BLOCK];
    char type = (char)t->header[TYPE_AT];
    uint64_t size;

    t->header_len = 0;
    if (memcmp(t->header, zero, BLOCK) == 0)
        return;
    /* an old sparse header ('S') may have further blocks behind it */
    if (!sum_is_right(t->header) || !number_at(t->header + SIZE_AT, 12, &size) || type == 'S') {
        t->state = TAR_LOST;
        return;
    }
    bool extends = type == 'x' || type == 'g' || type == 'L' || type == 'K';
    if (!extends && t->has_size)
        size = t->size;
    if (!extends)
        t->has_size = false;
    if (size > INT64_MAX / 4) {
        t->state = TAR_LOST;
        return;
    }
    bool has_data = extends || type == '0' || type == '\0' || type == '7';
    t->left = has_data ? (size + BLOCK - 1) / BLOCK * BLOCK : 0;
    t->pax_len = size;
    if (t->left > 0)
        t->state = type == 'x' || type == 'g' ? TAR_PAX : TAR_DATA;
    begin_record(t);
}

static bool is_name(const struct tar_names *t)
{
    return strcmp(t->record.key, "path") == 0 || strcmp(t->record.key, "linkpath") == 0 ||
           strcmp(t->record.key, "GNU.sparse.name") == 0;
}

static void take_length(struct tar_names *t, uint8_t byte)
{
    if (byte >= '0' && byte <= '9' && t->record.digits < 18) {
        t->record.left = t->record.left * 10 + (uint64_t)(byte - '0');
        t->record.digits++;
        return;
    }
    if (byte != ' ' || t->record.left <= t->record.digits + 1) {
        t->state = TAR_LOST;
        return;
    }
    t->record.left -= t->record.digits + 1;
    t->record.part = PAX_KEY;
}

static void take_key(struct tar_names *t, uint8_t byte)
{
    if (byte == '=') {
        t->record.part = PAX_VALUE;
        return;
    }
    if (t->record.key_len < sizeof(t->record.key) - 1) /* a longer one is none that counts */
        t->record.key[t->record.key_len++] = (char)byte;
}

/* One byte of a record, whose last is the end of its line. */
static int take_record(struct tar_names *t, uint8_t byte, struct err *e)
{
    if (t->record.part == PAX_LENGTH) {
        take_length(t, byte);
        return 0;
    }
    t->record.left--;
    if (t->record.part == PAX_KEY) {
        take_key(t, byte);
    } else if (t->record.left > 0 && byte == '\0' && is_name(t)) {
        return err_set(e, ERR_FORMAT,
                       "archive member is refused: its name holds a NUL, behind which it would "
                       "be cut off");
    } else if (t->record.left > 0 && strcmp(t->record.key, "size") == 0 && byte >= '0' &&
               byte <= '9' && t->record.number < INT64_MAX / 40) {
        t->record.number = t->record.number * 10 + (uint64_t)(byte - '0');
    }
    if (t->record.left == 0) {
        if (strcmp(t->record.key, "size") == 0) {
            t->size = t->record.number;
            t->has_size = true;
        }
        begin_record(t);
    }
    return 0;
}

static size_t feed_pax(struct tar_names *t, const uint8_t *data, size_t len, struct err *e)
{
    size_t used = 0;

    while (used < len && t->left > 0 && t->state == TAR_PAX) {
        if (t->pax_len > 0) {
            t->pax_len--;
            if (take_record(t, data[used], e) < 0)
                return SIZE_MAX;
        }
        t->left--;
        used++;
    }
    if (t->left == 0 && t->state == TAR_PAX)
        t->state = TAR_HEADER;
    return used;
}

int tar_names_feed(struct tar_names *t, const uint8_t *data, size_t len, struct err *e)
{
    while (len > 0 && t->state != TAR_LOST) {
        size_t used = 0;
        if (t->state == TAR_HEADER) {
            used = len < BLOCK - t->header_len ? len : BLOCK - t->header_len;
            memcpy(t->header + t->header_len, data, used);
            t->header_len += used;
            if (t->header_len == BLOCK)
                take_header(t);
        } else if (t->state == TAR_DATA) {
            used = len < t->left ? len : (size_t)t->left;
            t->left -= used;
            if (t->left == 0)
                t->state = TAR_HEADER;
        } else if ((used = feed_pax(t, data, len, e)) == SIZE_MAX) {
            return -1;
        }
        data += used;
        len -= used;
    }
    return 0;
}
