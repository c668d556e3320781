#include "lib/repository/list_check.h"

#include <string.h>

enum { NANOSECONDS = 1000000000, MODE_BITS = 07777 };

bool list_path_valid(const char *path)
{
    if (strlen(path) > LIST_PATH_MAX)
        return false;
    for (const char *part = path; *part != '\0';) {
        size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += len;
        if (*part == '/' && *++part == '\0')
            return false;
    }
    return true;
}

/* An end sorts before a '/', and that before any other byte: what lies in a folder comes at once
 * behind it. */
static int rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 2;
}

const char *list_type_word(char type)
{
    switch (type) {
    case 'f':
        return "file";
    case 'd':
        return "folder";
    case 'l':
        return "symlink";
    case 'h':
        return "hardlink";
    case 'p':
        return "fifo";
    default:
        return "device";
    }
}

int list_path_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return rank(*a) - rank(*b);
}

int list_refs_check(const struct chunk_ref *refs, size_t count, uint64_t *ret_bytes,
                    enum err_code code, struct err *e)
{
    uint64_t sum = 0;

    if (count > LIST_REFS_MAX)
        return err_set(e, code, "a record of %zu chunks, at most %d go into one", count,
                       LIST_REFS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (refs[i].length == 0 || refs[i].length > CHUNK_MAX)
            return err_set(e, code, "a chunk of %u bytes", refs[i].length);
        sum += refs[i].length;
    }
    *ret_bytes = sum;
    return 0;
}

/* Runs ascend without touching what came before; a lone {0, 0} is a file that is one hole. */
static bool extents_valid(const struct list_entry *x)
{
    uint64_t end = 0;

    if (x->extent_count == 1 && x->extents[0].offset == 0 && x->extents[0].length == 0)
        return x->type == 'f';
    for (size_t i = 0; i < x->extent_count; i++) {
        const struct list_extent *run = &x->extents[i];
        if (x->type != 'f' || run->offset < 0 || run->length <= 0 || (uint64_t)run->offset < end ||
            (uint64_t)run->offset > x->size ||
            (uint64_t)run->length > x->size - (uint64_t)run->offset)
            return false;
        end = (uint64_t)run->offset + (uint64_t)run->length;
    }
    return true;
}

static bool link_valid(const struct list_entry *x)
{
    if (x->type == 'h')
        return x->link[0] != '\0' && list_path_valid(x->link) &&
               list_path_compare(x->link, x->path) < 0;
    if (x->type == 'l')
        return x->link[0] != '\0' && strlen(x->link) <= LIST_PATH_MAX;
    return x->link[0] == '\0';
}

static bool attributes_valid(const struct list_entry *x)
{
    for (size_t i = 0; i < x->attribute_count; i++)
        if (x->attributes[i].name[0] == '\0' ||
            (i > 0 && strcmp(x->attributes[i - 1].name, x->attributes[i].name) >= 0))
            return false;
    return true;
}

int list_entry_check(const struct list_entry *x, enum err_code code, struct err *e)
{
    uint64_t bytes;

    if (!list_path_valid(x->path))
        return err_set(e, code, "an entry whose path is not one");
    if (x->type == '\0' || strchr("fdlhpcb", x->type) == NULL)
        return err_set(e, code, "%s: an entry of an unknown type", x->path);
    if (x->mode > MODE_BITS || x->mtime_ns >= NANOSECONDS || x->ctime_ns >= NANOSECONDS ||
        x->size > INT64_MAX)
        return err_set(e, code, "%s: mode, size or times out of range", x->path);
    if ((x->size > 0 || x->ref_count > 0) && x->type != 'f')
        return err_set(e, code, "%s: content, but it is no file", x->path);
    if (!link_valid(x))
        return err_set(e, code, "%s: a link that cannot be", x->path);
    if (!extents_valid(x))
        return err_set(e, code, "%s: runs of data that cannot be", x->path);
    if (!attributes_valid(x))
        return err_set(e, code, "%s: attributes that are not in order", x->path);
    if (list_refs_check(x->refs, x->ref_count, &bytes, code, e) < 0)
        return err_wrap(e, "%s", x->path);
    if (bytes > x->size)
        return err_set(e, code, "%s: more content than its size", x->path);
    return 0;
}
