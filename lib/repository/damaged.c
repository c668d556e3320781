#include "lib/repository/damaged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { HEX = 2 * sizeof(struct pack_name), FILE_MAX = 64 << 20 };

static char *file_name(const char *place)
{
    return mem_printf("%s.damaged", place);
}

/* A line that is no name ends the reading: a torn file is one that says less. */
static void parse(const struct buf *text, struct pack_name **ret, size_t *ret_count)
{
    size_t lines = text->len / (HEX + 1);

    *ret = mem_resize_array(NULL, lines + 1, sizeof(**ret));
    *ret_count = 0;
    for (size_t i = 0; i < lines; i++) {
        _cleanup_free_ char *hex = mem_strndup((const char *)text->data + i * (HEX + 1), HEX);
        struct pack_name *name = &(*ret)[*ret_count];
        if (strlen(hex) != HEX || hex_decode(hex, name->bytes, sizeof(name->bytes)) < 0)
            return;
        (*ret_count)++;
    }
}

int damaged_read(const char *cache_dir, const char *place, struct pack_name **ret,
                 size_t *ret_count, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_free_ char *name = file_name(place);
    _cleanup_free_ char *path = cache_dir != NULL ? mem_printf("%s/%s", cache_dir, name) : NULL;
    struct err why = {0};

    if (path != NULL && fs_read_file(AT_FDCWD, path, &text, &why) < 0 &&
        why.code != ERR_NOT_FOUND && why.code != ERR_DENIED && why.errnum != EACCES) {
        if (e != NULL)
            *e = why;
        return -1;
    }
    parse(&text, ret, ret_count);
    return 0;
}

static bool is_in(const struct pack_name *p, const struct check_range *range)
{
    uint64_t first = (uint64_t)p->bytes[0] << 24 | (uint64_t)p->bytes[1] << 16 |
                     (uint64_t)p->bytes[2] << 8 | p->bytes[3];

    return range == NULL || (first >= range->from && first < range->to);
}

static int put_line(struct buf *out, const struct pack_name *p, struct err *e)
{
    char line[HEX + 2];

    hex_encode(p->bytes, sizeof(p->bytes), line);
    line[HEX] = '\n';
    return buf_append(out, line, HEX + 1, e);
}

int damaged_note(const char *cache_dir, const char *place, const struct check_range *range,
                 const struct check_result *found, struct err *e)
{
    _cleanup_(buf_deinit) struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_free_ struct pack_name *before = NULL;
    _cleanup_free_ char *name = file_name(place);
    _cleanup_(fs_closep) int fd = -1;
    struct pack_name pack;
    size_t count;

    if (cache_dir == NULL)
        return 0;
    if (damaged_read(cache_dir, place, &before, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!is_in(&before[i], range) && put_line(&text, &before[i], e) < 0)
            return -1;
    for (size_t i = 0; i < found->damage_count; i++)
        if (pack_name_parse(found->damages[i].object, &pack, NULL) == 0 && is_in(&pack, range) &&
            put_line(&text, &pack, e) < 0)
            return -1;
    if (text.len == 0 && count == 0)
        return 0;
    if (fs_open_dir(cache_dir, &fd, e) < 0)
        return -1;
    return fs_replace_file(fd, name, text.data, text.len, 0600, e);
}
