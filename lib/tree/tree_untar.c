#include "lib/tree/tree_untar.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/tree/tar_names.h"

enum { BLOCK = 256 << 10, NAME_PART_MAX = 255, NAME_SHOWN = 120, PATH_BYTES_MAX = 1 << 20 };

struct tree_untar {
    struct archive *archive;
    tree_source *source;
    void *source_arg;
    struct err source_error;
    struct tar_names names;
    uint8_t *buffer;
    char *path, *hardlink; /* of the current member */
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
    struct tree_untar *u = arg;
    size_t len = 0;

    (void)a;
    *ret = u->buffer;
    if (u->source(u->source_arg, u->buffer, BLOCK, &len, &u->source_error) < 0 ||
        tar_names_feed(&u->names, u->buffer, len, &u->source_error) < 0)
        return -1;
    return (la_ssize_t)len;
}

int tree_untar_open(struct tree_untar **ret, tree_source *source, void *arg, struct err *e)
{
    struct tree_untar *u = mem_alloc(sizeof(*u));

    u->source = source;
    u->source_arg = arg;
    u->buffer = mem_alloc(BLOCK);
    u->archive = archive_read_new();
    *ret = u;
    if (u->archive != NULL && archive_read_support_format_tar(u->archive) == ARCHIVE_OK &&
        archive_read_open(u->archive, u, NULL, on_read, NULL) == ARCHIVE_OK)
        return 0;
    (void)err_set(e, ERR_FORMAT, "not a tar archive");
    if (e != NULL && u->source_error.code != ERR_NONE)
        *e = u->source_error;
    tree_untar_free(u);
    *ret = NULL;
    return -1;
}

static int failed(struct tree_untar *u, struct err *e)
{
    const char *text = archive_error_string(u->archive);

    if (u->source_error.code != ERR_NONE) {
        if (e != NULL)
            *e = u->source_error;
        return -1;
    }
    return err_set(e, ERR_FORMAT, "tar: %s", text != NULL ? text : "not a tar archive");
}

static int refuse(const char *what, const char *raw, const char *why, struct err *e)
{
    _cleanup_free_ char *shown = str_printable(raw, strnlen(raw, NAME_SHOWN));

    return err_set(e, ERR_FORMAT, "archive %s \"%s\" is refused: %s", what, shown, why);
}

int tree_path_clean(const char *raw, const char *what, char **ret, struct err *e)
{
    if (raw == NULL || raw[0] == '\0')
        return refuse(what, "", "its name is empty", e);
    if (raw[0] == '/')
        return refuse(what, raw, "its name is absolute", e);
    if (strnlen(raw, PATH_BYTES_MAX) == PATH_BYTES_MAX)
        return refuse(what, raw, "its name is longer than 1 MiB", e);

    char *clean = mem_alloc(strlen(raw) + 1), *out = clean;
    for (const char *part = raw; *part != '\0';) {
        size_t len = strcspn(part, "/");
        const char *why = len > NAME_PART_MAX ? "a part of its name is too long"
                          : len == 2 && memcmp(part, "..", 2) == 0 ? "its name leads upwards"
                                                                   : NULL;
        if (why != NULL) {
            free(clean);
            return refuse(what, raw, why, e);
        }
        if (len > 0 && !(len == 1 && part[0] == '.')) {
            if (out != clean)
                *out++ = '/';
            memcpy(out, part, len);
            out += len;
        }
        part += len + (part[len] == '/');
    }
    *out = '\0';
    *ret = clean;
    return 0;
}

/* Names that are not in the locale's character set are handed over as they are, with a warning;
 * exactly that is wanted. Every other warning is damage. */
static bool is_about_names(struct archive *a)
{
    const char *text = archive_error_string(a);

    return text != NULL && strstr(text, "can't be converted") != NULL;
}

/* The end of the archive need not be the end of the stream: blocks of zeros may follow. */
static int drain(struct tree_untar *u, struct err *e)
{
    size_t len;

    do {
        if (u->source(u->source_arg, u->buffer, BLOCK, &len, e) < 0)
            return -1;
    } while (len > 0);
    return 1;
}

static int clean_names(struct tree_untar *u, struct archive_entry *entry, struct err *e)
{
    const char *hardlink = archive_entry_hardlink(entry);

    free(u->path);
    free(u->hardlink);
    u->path = u->hardlink = NULL;
    if (tree_path_clean(archive_entry_pathname(entry), "member", &u->path, e) < 0)
        return -1;
    if (hardlink != NULL && tree_path_clean(hardlink, "link target", &u->hardlink, e) < 0)
        return err_wrap(e, "hard link \"%s\"", u->path);
    return 0;
}

int tree_untar_next(struct tree_untar *u, struct tree_untar_member *ret, struct err *e)
{
    struct archive_entry *entry;
    int code = archive_read_next_header(u->archive, &entry);

    if (code == ARCHIVE_EOF)
        return u->source_error.code != ERR_NONE ? failed(u, e) : drain(u, e);
    if (code != ARCHIVE_OK && !(code == ARCHIVE_WARN && is_about_names(u->archive)))
        return failed(u, e);
    if (clean_names(u, entry, e) < 0)
        return -1;
    bool is_link = u->hardlink == NULL && archive_entry_filetype(entry) == AE_IFLNK;
    *ret = (struct tree_untar_member){
        .path = u->path,
        .symlink = is_link ? archive_entry_symlink(entry) : NULL,
        .hardlink = u->hardlink,
        .mode = archive_entry_mode(entry),
        .size = archive_entry_size(entry),
        .mtime_s = archive_entry_mtime(entry),
        .mtime_ns = archive_entry_mtime_nsec(entry),
        .entry = entry,
    };
    if (ret->size < 0)
        return refuse("member", u->path, "its size is negative", e);
    if (is_link && (ret->symlink == NULL || ret->symlink[0] == '\0'))
        return refuse("member", u->path, "a symbolic link to nothing", e);
    return 0;
}

int tree_untar_data(struct tree_untar *u, const void **ret, size_t *ret_len, int64_t *ret_offset,
                    struct err *e)
{
    la_int64_t offset = 0;
    int code = archive_read_data_block(u->archive, ret, ret_len, &offset);

    *ret_offset = offset;
    if (code == ARCHIVE_EOF)
        return 1;
    return code == ARCHIVE_OK ? 0 : failed(u, e);
}

void tree_untar_free(struct tree_untar *u)
{
    if (u == NULL)
        return;
    if (u->archive != NULL)
        (void)archive_read_free(u->archive);
    free(u->buffer);
    free(u->path);
    free(u->hardlink);
    free(u);
}
