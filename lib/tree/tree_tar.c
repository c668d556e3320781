#include "lib/tree/tree_tar.h"

#include <archive.h>
#include <locale.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/tree/tree_attr.h"

enum { BLOCK = 256 << 10 };

/* libarchive fixes the character set of names for a whole archive, but one archive may need both:
 * two writers, one of them for members whose names are to stay raw bytes, feed the same stream.
 * Members do not refer to one another, so only the first writer ends it. */
enum writer { UTF8_NAMES, RAW_NAMES, WRITERS };

struct tree_tar {
    struct archive *archives[WRITERS]; /* the second is made when it is needed */
    struct archive *current;           /* of the member being written; one of them */
    struct archive_entry *entry;       /* reused */
    tree_sink *sink;
    void *sink_arg;
    struct err sink_error; /* libarchive passes only a number through */
    uint8_t *block;        /* headers and small files, gathered */
    size_t block_len;
    bool closing; /* what the writers say on their way out is not wanted: no trailer */
    struct tree_ids ids;
    locale_t utf8; /* libarchive translates names by the thread's locale */
};

static int flush(struct tree_tar *t)
{
    size_t len = t->block_len;

    t->block_len = 0;
    return len == 0 ? 0 : t->sink(t->sink_arg, t->block, len, &t->sink_error);
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t len)
{
    struct tree_tar *t = arg;

    (void)a;
    if (t->closing)
        return -1;
    if (t->block_len + len > BLOCK && flush(t) < 0)
        return -1;
    if (len >= BLOCK)
        return t->sink(t->sink_arg, data, len, &t->sink_error) < 0 ? -1 : (la_ssize_t)len;
    memcpy(t->block + t->block_len, data, len);
    t->block_len += len;
    return (la_ssize_t)len;
}

static int failed(struct tree_tar *t, struct err *e)
{
    if (t->sink_error.code != ERR_NONE) {
        if (e != NULL)
            *e = t->sink_error;
        return -1;
    }
    return err_set(e, ERR_INTERNAL, "tar: %s", archive_error_string(t->current));
}

static int writer_open(struct tree_tar *t, enum writer which, struct err *e)
{
    struct archive *a = t->archives[which] = archive_write_new();

    if (a == NULL || archive_write_set_format_pax(a) != ARCHIVE_OK ||
        archive_write_set_format_option(a, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
        (which == RAW_NAMES &&
         archive_write_set_format_option(a, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK) ||
        archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
        archive_write_open(a, t, NULL, on_write, NULL) != ARCHIVE_OK)
        return err_set(e, ERR_INTERNAL, "tar: this libarchive lacks what is needed");
    return 0;
}

int tree_tar_open(struct tree_tar **ret, tree_sink *sink, void *arg, struct err *e)
{
    struct tree_tar *t = mem_alloc(sizeof(*t));

    t->sink = sink;
    t->sink_arg = arg;
    t->block = mem_alloc(BLOCK);
    t->entry = archive_entry_new();
    t->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    int rc = writer_open(t, UTF8_NAMES, e);
    if (rc == 0 && (t->utf8 == (locale_t)0 || t->entry == NULL))
        rc = err_set(e, ERR_INTERNAL, "tar: the locale C.UTF-8 is missing");
    if (rc < 0) {
        tree_tar_free(t);
        return -1;
    }
    t->current = t->archives[UTF8_NAMES];
    *ret = t;
    return 0;
}

/* UTF-8 goes in as UTF-8, so that every tar shows it; anything else as the bytes that it is. */
static int choose_writer(struct tree_tar *t, const struct tree_member *m, struct err *e)
{
    enum writer which = str_is_utf8(m->path, strlen(m->path)) &&
                                (m->link == NULL || str_is_utf8(m->link, strlen(m->link)))
                            ? UTF8_NAMES
                            : RAW_NAMES;

    /* the writer of the member before pads it, and must do so in its place */
    if (archive_write_finish_entry(t->current) != ARCHIVE_OK)
        return failed(t, e);
    if (t->archives[which] == NULL && writer_open(t, which, e) < 0)
        return -1;
    t->current = t->archives[which];
    return 0;
}

static void fill_entry(struct tree_tar *t, const struct tree_member *m)
{
    struct archive_entry *entry = archive_entry_clear(t->entry);
    const char *name;

    archive_entry_copy_pathname(entry, m->path);
    archive_entry_set_mode(entry, m->st.st_mode);
    archive_entry_set_uid(entry, m->st.st_uid);
    archive_entry_set_gid(entry, m->st.st_gid);
    name = m->user != NULL ? m->user : tree_ids_user_name(&t->ids, m->st.st_uid);
    if (name != NULL && name[0] != '\0')
        archive_entry_copy_uname(entry, name);
    name = m->group != NULL ? m->group : tree_ids_group_name(&t->ids, m->st.st_gid);
    if (name != NULL && name[0] != '\0')
        archive_entry_copy_gname(entry, name);
    archive_entry_set_mtime(entry, m->st.st_mtim.tv_sec, m->st.st_mtim.tv_nsec);
    archive_entry_set_size(entry, 0);
    if (m->hard)
        archive_entry_copy_hardlink(entry, m->link);
    else if (m->link != NULL)
        archive_entry_copy_symlink(entry, m->link);
    else if (S_ISREG(m->st.st_mode))
        archive_entry_set_size(entry, m->st.st_size);
    if (S_ISCHR(m->st.st_mode) || S_ISBLK(m->st.st_mode))
        archive_entry_set_rdev(entry, m->st.st_rdev);
    for (size_t i = 0; i < m->extent_count; i++)
        archive_entry_sparse_add_entry(entry, m->extents[i].offset, m->extents[i].length);
    if (m->attrs != NULL)
        tree_attr_to_entry(m->attrs, entry);
}

int tree_tar_member(struct tree_tar *t, const struct tree_member *m, struct err *e)
{
    locale_t before = uselocale(t->utf8);
    int rc = choose_writer(t, m, e);

    if (rc == 0) {
        fill_entry(t, m);
        int code = archive_write_header(t->current, t->entry);
        if (code != ARCHIVE_OK && (code != ARCHIVE_WARN || t->sink_error.code != ERR_NONE))
            rc = failed(t, e);
    }
    (void)uselocale(before);
    return rc;
}

int tree_tar_data(struct tree_tar *t, const void *data, size_t len, struct err *e)
{
    const uint8_t *p = data;

    while (len > 0) {
        la_ssize_t n = archive_write_data(t->current, p, len);
        if (n <= 0)
            return failed(t, e);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int tree_tar_finish(struct tree_tar *t, struct err *e)
{
    if (archive_write_finish_entry(t->current) != ARCHIVE_OK)
        return failed(t, e);
    t->current = t->archives[UTF8_NAMES];
    return archive_write_close(t->current) != ARCHIVE_OK || flush(t) < 0 ? failed(t, e) : 0;
}

void tree_tar_free(struct tree_tar *t)
{
    if (t == NULL)
        return;
    t->closing = true;
    for (int i = 0; i < WRITERS; i++)
        if (t->archives[i] != NULL)
            (void)archive_write_free(t->archives[i]);
    archive_entry_free(t->entry);
    if (t->utf8 != (locale_t)0)
        freelocale(t->utf8);
    free(t->block);
    free(t);
}
