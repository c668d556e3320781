#include "lib/store/sftp_packet.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/mem.h"

/* A packet: length of what follows, type, request number, body. */
enum { LENGTH_LEN = 4, ID_AT = 5, HEAD_LEN = 9 };

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The fields' length; with `at` they are written there too. */
static size_t encode(uint8_t *at, const char *format, va_list args)
{
    size_t used = 0;

    for (; *format != '\0'; format++) {
        const void *bytes = NULL;
        size_t len;
        if (*format == 'u' || *format == 'U') {
            uint64_t value = *format == 'u' ? va_arg(args, uint32_t) : va_arg(args, uint64_t);
            if (at != NULL && *format == 'U')
                put_u32(at + used, (uint32_t)(value >> 32));
            used += *format == 'U' ? 4 : 0;
            if (at != NULL)
                put_u32(at + used, (uint32_t)value);
            used += 4;
            continue;
        }
        bytes = va_arg(args, const void *);
        len = *format == 's' ? strlen(bytes) : va_arg(args, size_t);
        if (at != NULL) {
            put_u32(at + used, (uint32_t)len);
            memcpy(at + used + 4, bytes, len);
        }
        used += 4 + len;
    }
    return used;
}

struct sftp_frame *sftp_frame_new(uint8_t type, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    size_t body = encode(NULL, format, args);
    va_end(args);
    struct sftp_frame *f = mem_alloc(sizeof(*f) + HEAD_LEN + body);
    f->len = HEAD_LEN + body;
    put_u32(f->data, (uint32_t)(f->len - LENGTH_LEN));
    f->data[LENGTH_LEN] = type;
    va_start(args, format);
    (void)encode(f->data + HEAD_LEN, format, args);
    va_end(args);
    return f;
}

void sftp_frame_number(struct sftp_frame *f, uint32_t id)
{
    put_u32(f->data + ID_AT, id);
}

uint32_t sftp_read_u32(struct sftp_reader *r)
{
    if (r->left < 4) {
        r->bad = true;
        r->left = 0;
        return 0;
    }
    uint32_t value = (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 |
                     (uint32_t)r->at[3];
    r->at += 4;
    r->left -= 4;
    return value;
}

uint64_t sftp_read_u64(struct sftp_reader *r)
{
    uint64_t high = sftp_read_u32(r);

    return high << 32 | sftp_read_u32(r);
}

const uint8_t *sftp_read_bytes(struct sftp_reader *r, size_t *ret_len)
{
    size_t len = sftp_read_u32(r);
    const uint8_t *bytes = r->at;

    if (len > r->left) {
        r->bad = true;
        r->left = 0;
        len = 0;
    }
    r->at += len;
    r->left -= len;
    *ret_len = len;
    return bytes;
}

void sftp_read_attrs(struct sftp_reader *r, struct sftp_attrs *ret)
{
    const uint32_t extended = 0x80000000;
    uint32_t has = sftp_read_u32(r);
    size_t unused;

    *ret = (struct sftp_attrs){.has = has};
    if ((has & SFTP_ATTR_SIZE) != 0)
        ret->size = sftp_read_u64(r);
    if ((has & SFTP_ATTR_OWNER) != 0)
        (void)sftp_read_u64(r); /* user and group */
    if ((has & SFTP_ATTR_MODE) != 0)
        ret->mode = sftp_read_u32(r);
    if ((has & SFTP_ATTR_TIMES) != 0) {
        (void)sftp_read_u32(r); /* of the last access */
        ret->modified = sftp_read_u32(r);
    }
    if ((has & extended) == 0)
        return;
    for (uint32_t pairs = sftp_read_u32(r); pairs > 0 && !r->bad; pairs--) {
        (void)sftp_read_bytes(r, &unused);
        (void)sftp_read_bytes(r, &unused);
    }
}

char *sftp_read_name(struct sftp_reader *r, struct sftp_attrs *ret)
{
    size_t len, unused;
    const char *name = (const char *)sftp_read_bytes(r, &len);

    (void)sftp_read_bytes(r, &unused);
    sftp_read_attrs(r, ret);
    if (r->bad || memchr(name, 0, len) != NULL)
        return NULL;
    return mem_strndup(name, len);
}
