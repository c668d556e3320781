#include "lib/store/s3_name.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { ESCAPE_LEN = 4 };

/* F4 8F BE 80 is U+10FF80: the byte 80. Where none begins: 0. */
static uint8_t escaped_byte(const char *s)
{
    const uint8_t *c = (const uint8_t *)s;

    if (strnlen(s, ESCAPE_LEN) < ESCAPE_LEN || c[0] != 0xf4 || c[1] != 0x8f ||
        (c[2] != 0xbe && c[2] != 0xbf) || (c[3] & 0xc0) != 0x80)
        return 0;
    return (uint8_t)((c[2] == 0xbe ? 0x80 : 0xc0) + (c[3] & 0x3f));
}

/* Bytes of the character that begins here; 0: none does. */
static size_t character(const char *s)
{
    size_t left = strnlen(s, 4);

    for (size_t len = 1; len <= left; len++)
        if (str_is_utf8(s, len))
            return len;
    return 0;
}

char *s3_name_to_key(const char *prefix, const char *name)
{
    size_t at = strlen(prefix);
    char *key = mem_alloc(at + ESCAPE_LEN * strlen(name) + 1);

    memcpy(key, prefix, at);
    while (*name != '\0') {
        size_t len = escaped_byte(name) != 0 ? 0 : character(name);
        if (len > 0) {
            memcpy(key + at, name, len);
        } else {
            uint8_t byte = (uint8_t)*name;
            memcpy(key + at, byte < 0xc0 ? "\xf4\x8f\xbe" : "\xf4\x8f\xbf", 3);
            key[at + 3] = (char)(0x80 | (byte & 0x3f));
        }
        at += len > 0 ? len : ESCAPE_LEN;
        name += len > 0 ? len : 1;
    }
    return key;
}

void s3_name_from_key(char *key)
{
    char *out = key;

    while (*key != '\0') {
        uint8_t byte = escaped_byte(key);
        *out++ = byte != 0 ? (char)byte : *key;
        key += byte != 0 ? ESCAPE_LEN : 1;
    }
    *out = '\0';
}
