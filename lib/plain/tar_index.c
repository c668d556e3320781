#include "lib/plain/tar_index.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
    BLOCK = 512,
    NAME_AT = 0,
    SIZE_AT = 124,
    SUM_AT = 148,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    LONG_MAX = 64 << 10, /* of a pax or long-name header */
    ENTRIES_MAX = 1 << 20
};

struct scan {
    int fd;
    uint64_t at, end; /* the next header; the file's size */
    struct tar_index *index;
    /* from extended headers, for the next file: */
    char *name;
    uint64_t size;
    bool has_size;
};

static int cut_short(struct err *e)
{
    return err_set(e, ERR_DAMAGED, "the tar file ends too early");
}

/* An octal number, ended by blank or NUL; or GNU's binary form. */
static int number_at(const uint8_t *field, size_t len, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;

    if (field[0] == 0x80) {
        for (i = 1; i < len; i++) {
            if (n >> 55 != 0)
                return -1;
            n = n << 8 | field[i];
        }
        *ret = n;
        return 0;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        n = n << 3 | (uint64_t)(field[i] - '0');
    if (i < len && field[i] != ' ' && field[i] != '\0')
        return -1;
    *ret = n;
    return 0;
}

static bool sum_is_right(const uint8_t *block)
{
    uint64_t says, sum = 0;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : block[i];
    return number_at(block + SUM_AT, 8, &says) == 0 && says == sum;
}

static bool is_zero(const uint8_t *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static int read_at(const struct scan *s, uint64_t at, void *data, size_t len, struct err *e)
{
    size_t n;

    if (fs_pread_full(s->fd, data, len, (int64_t)at, &n, e) < 0)
        return -1;
    return n == len ? 0 : cut_short(e);
}

static int read_long(const struct scan *s, uint64_t size, char **ret, struct err *e)
{
    if (size == 0 || size > LONG_MAX)
        return err_set(e, ERR_FORMAT, "the tar file has an extended header of impossible size");
    char *text = mem_alloc((size_t)size + 1);
    if (read_at(s, s->at + BLOCK, text, (size_t)size, e) < 0) {
        free(text);
        return -1;
    }
    *ret = text;
    return 0;
}

/* "LENGTH KEY=VALUE\n" ... */
static int parse_pax(struct scan *s, const char *text, size_t len, struct err *e)
{
    while (len > 0) {
        size_t digits = strspn(text, "0123456789"), record = 0;
        if (digits == 0 || digits > 6 || text[digits] != ' ')
            return err_set(e, ERR_FORMAT, "the tar file has a malformed pax header");
        for (size_t i = 0; i < digits; i++)
            record = record * 10 + (size_t)(text[i] - '0');
        if (record <= digits + 1 || record > len || text[record - 1] != '\n')
            return err_set(e, ERR_FORMAT, "the tar file has a malformed pax header");
        _cleanup_free_ char *pair = mem_strndup(text + digits + 1, record - digits - 2);
        int64_t size;
        if (str_starts(pair, "path=")) {
            free(s->name);
            s->name = mem_strdup(pair + 5);
        } else if (str_starts(pair, "size=")) {
            if (str_to_i64(pair + 5, 0, INT64_MAX / 4, &size, e) < 0)
                return -1;
            s->size = (uint64_t)size;
            s->has_size = true;
        }
        text += record;
        len -= record;
    }
    return 0;
}

static char *header_name(const uint8_t *block)
{
    const char *name = (const char *)block + NAME_AT, *prefix = (const char *)block + PREFIX_AT;
    int n = (int)strnlen(name, 100), p = (int)strnlen(prefix, 155);

    /* "ustar\0" has the prefix field, GNU's "ustar  " other things there */
    if (memcmp(block + MAGIC_AT, "ustar", 6) == 0 && p > 0)
        return mem_printf("%.*s/%.*s", p, prefix, n, name);
    return mem_printf("%.*s", n, name);
}

static int add_entry(struct scan *s, const uint8_t *block, uint64_t size, struct err *e)
{
    struct tar_index *t = s->index;
    _cleanup_free_ char *name = s->name != NULL ? TAKE(s->name) : header_name(block);

    if (t->count == ENTRIES_MAX)
        return err_set(e, ERR_FORMAT, "the tar file has more than %d entries", ENTRIES_MAX);
    if ((t->count & (t->count - 1)) == 0) /* room doubles at each power of two */
        t->entries =
            mem_resize_array(t->entries, t->count > 0 ? 2 * t->count : 1, sizeof(*t->entries));
    t->entries[t->count++] =
        (struct tar_entry){.name = mem_strdup(str_starts(name, "./") ? name + 2 : name),
                           .offset = s->at + BLOCK,
                           .size = size};
    return 0;
}

/* One header and what follows it. */
static int take_header(struct scan *s, const uint8_t *block, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    char type = (char)block[TYPE_AT];
    bool extends = type == 'x' || type == 'L' || type == 'g' || type == 'K';
    uint64_t size;
    int rc = 0;

    if (!sum_is_right(block) || number_at(block + SIZE_AT, 12, &size) < 0)
        return err_set(e, s->at == 0 ? ERR_FORMAT : ERR_DAMAGED,
                       s->at == 0 ? "it is not a tar file" : "the tar file has a damaged header");
    if (!extends && s->has_size)
        size = s->size;
    if (size > s->end - s->at - BLOCK)
        return cut_short(e);
    if (type == 'x' || type == 'L') {
        if (read_long(s, size, &text, e) < 0)
            return -1;
        if (type == 'x')
            rc = parse_pax(s, text, (size_t)size, e);
        else if (s->name == NULL) /* a pax path, if there is one, counts */
            s->name = mem_strdup(text);
    } else if (type == '0' || type == '\0') {
        rc = add_entry(s, block, size, e);
    }
    if (!extends) {
        free(TAKE(s->name));
        s->has_size = false;
    }
    s->at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    return rc;
}

static int scan_all(struct scan *s, struct err *e)
{
    uint8_t block[2 * BLOCK];

    for (;;) {
        if (s->at + BLOCK > s->end)
            return s->end < BLOCK ? err_set(e, ERR_FORMAT, "it is not a tar file") : cut_short(e);
        if (read_at(s, s->at, block, BLOCK, e) < 0)
            return -1;
        if (is_zero(block)) /* the end is two blocks of zeros */
            return s->at + sizeof(block) > s->end ? cut_short(e) : 0;
        if (take_header(s, block, e) < 0)
            return -1;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tar_entry *)a)->name, ((const struct tar_entry *)b)->name);
}

static int sort_entries(struct tar_index *t, struct err *e)
{
    if (t->count > 0)
        qsort(t->entries, t->count, sizeof(*t->entries), by_name);
    for (size_t i = 1; i < t->count; i++)
        if (by_name(&t->entries[i - 1], &t->entries[i]) == 0)
            return err_set(e, ERR_DAMAGED, "the tar file holds one name twice");
    return 0;
}

int tar_index_read(int fd, struct tar_index *ret, struct err *e)
{
    struct scan s = {.fd = fd, .index = ret};
    struct stat st;

    *ret = (struct tar_index){0};
    if (io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    s.end = (uint64_t)st.st_size;
    int rc = scan_all(&s, e);
    if (rc == 0)
        rc = sort_entries(ret, e);
    free(s.name);
    if (rc < 0)
        tar_index_deinit(ret);
    return rc;
}

const struct tar_entry *tar_index_find(const struct tar_index *t, const char *name)
{
    const struct tar_entry wanted = {.name = (char *)(uintptr_t)name};

    return t->count > 0 ? bsearch(&wanted, t->entries, t->count, sizeof(wanted), by_name) : NULL;
}

void tar_index_deinit(struct tar_index *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->entries[i].name);
    free(t->entries);
    *t = (struct tar_index){0};
}
