#include "lib/tree/tree_extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_late.h"

struct extraction {
    const struct tree_extract_spec *spec;
    struct tree_extract_result *result;
    struct tree_untar *tar;
    struct tree_place place;
    struct tree_late late;
};

/* An earlier member stands where this one is to go. It gives way, unless it is a folder (which may
 * hold things), or not an earlier member of this name at all: on a file system that ignores case,
 * "Key" must not replace "key". */
static int clear_way(struct extraction *x, int fd, const char *name, const char *path,
                     struct err *e)
{
    struct stat st;

    if (!tree_place_has_exact(fd, name))
        return err_set(e, ERR_FORMAT,
                       "a name that differs only in case is there already, and this file system "
                       "does not tell them apart");
    if (io_stat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_FORMAT, "an earlier member of this name is a folder");
    tree_late_drop_link(&x->late, path);
    if (io_unlink(fd, name, 0) != 0)
        return err_sys(e, ERR_IO, errno, "replace the earlier member");
    return 0;
}

static int create_file(struct extraction *x, int fd, const char *name, const char *path,
                       mode_t mode, int *ret, struct err *e)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

    *ret = io_open(fd, name, flags, mode);
    if (*ret < 0 && errno == EEXIST) {
        if (clear_way(x, fd, name, path, e) < 0)
            return -1;
        *ret = io_open(fd, name, flags, mode);
    }
    return *ret < 0 ? err_sys(e, ERR_IO, errno, "create") : 0;
}

static int write_at(int fd, const uint8_t *data, size_t len, int64_t offset, struct err *e)
{
    while (len > 0) {
        ssize_t n = io_pwrite(fd, data, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "write");
        data += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

/* What is written goes to the disk while more comes, or all of it would wait for the end, when it has
 * to be there. A failure shows in the syncfs. */
static void write_behind(int fd, int64_t *from, int64_t to)
{
    enum { WRITE_BEHIND = 8 << 20 };

    if (to - *from < WRITE_BEHIND)
        return;
    (void)io_write_behind(fd, *from, to - *from);
    *from = to;
}

static int copy_data(struct extraction *x, int fd, const struct tree_untar_member *m, struct err *e)
{
    int64_t end = 0, behind = 0, offset;
    const void *data;
    size_t len;
    int rc;

    while ((rc = tree_untar_data(x->tar, &data, &len, &offset, e)) == 0) {
        if (offset < 0 || offset > m->size || (int64_t)len > m->size - offset)
            return err_set(e, ERR_FORMAT, "its data goes beyond its size");
        if (write_at(fd, data, len, offset, e) < 0)
            return -1;
        if (len > 0)
            end = offset + (int64_t)len;
        write_behind(fd, &behind, end);
        x->result->bytes += len;
        if (x->spec->progress != NULL &&
            x->spec->progress(x->spec->arg, m->path, x->result->bytes, e) < 0)
            return -1;
    }
    if (rc < 0)
        return -1;
    if (end < m->size && io_truncate(fd, m->size) != 0) /* it ends in a hole */
        return err_sys(e, ERR_IO, errno, "size of %lld bytes", (long long)m->size);
    return 0;
}

/* What an earlier restore made, with whatever it had put on it. */
static int finish_taken(struct extraction *x, int dir, const char *name,
                        const struct tree_untar_member *m, ino_t inode, struct err *e)
{
    struct tree_meta meta = tree_late_meta(&x->late, m);
    _cleanup_(fs_closep) int fd = io_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    struct stat st;

    if (fd < 0 || io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "open what is there already");
    if (!S_ISREG(st.st_mode) || st.st_ino != inode || st.st_size != m->size)
        return err_set(e, ERR_IO, "something else stands in its place now");
    tree_attr_clear(fd);
    return tree_late_apply(&x->late, fd, m->path, &meta, e);
}

static int extract_file(struct extraction *x, int dir, const char *name,
                        const struct tree_untar_member *m, struct err *e)
{
    struct tree_meta meta = tree_late_meta(&x->late, m);
    _cleanup_(fs_closep) int fd = -1;
    ino_t inode = 0;

    int rc = x->spec->take == NULL ? 1 : x->spec->take(x->spec->arg, m->path, dir, name, &inode, e);
    if (rc != 1)
        return rc < 0 ? -1 : finish_taken(x, dir, name, m, inode, e);
    if (create_file(x, dir, name, m->path, 0600, &fd, e) < 0 || copy_data(x, fd, m, e) < 0 ||
        tree_late_apply(&x->late, fd, m->path, &meta, e) < 0)
        return -1;
    if (io_close(fs_take_fd(&fd)) != 0) /* some file systems report a full disk only here */
        return err_sys(e, ERR_IO, errno, "close");
    return 0;
}

static int extract_folder(struct extraction *x, int dir, const char *name,
                          const struct tree_untar_member *m, struct err *e)
{
    struct tree_meta meta = tree_late_meta(&x->late, m);
    struct stat st;

    if (io_mkdir(dir, name, 0700) != 0) {
        if (errno != EEXIST || io_stat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            return err_sys(e, ERR_IO, errno, "create");
        if (!S_ISDIR(st.st_mode) && clear_way(x, dir, name, m->path, e) < 0)
            return -1;
        if (S_ISDIR(st.st_mode) && !tree_place_has_exact(dir, name))
            return err_set(e, ERR_FORMAT, "a folder whose name differs only in case is there");
        if (!S_ISDIR(st.st_mode) && io_mkdir(dir, name, 0700) != 0)
            return err_sys(e, ERR_IO, errno, "create");
    }
    tree_late_add_folder(&x->late, m->path, &meta);
    x->result->folders++;
    return 0;
}

/* An empty file keeps the name until the end, so that nothing can be written through the link. */
static int extract_symlink(struct extraction *x, int dir, const char *name,
                           const struct tree_untar_member *m, struct err *e)
{
    struct tree_meta meta = tree_late_meta(&x->late, m);
    _cleanup_(fs_closep) int fd = -1;
    struct stat st;

    meta.attributes = NULL;
    if (create_file(x, dir, name, m->path, 0, &fd, e) < 0)
        return -1;
    if (io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    tree_late_add_link(&x->late, m->path, m->symlink, st.st_ino, &meta);
    return 0;
}

static int extract_hardlink(struct extraction *x, const struct tree_untar_member *m, struct err *e)
{
    struct tree_place from = TREE_PLACE(x->spec->root);
    const char *old_name, *name;
    int old_dir, dir, rc = -1;
    bool may_be_link;
    struct stat st;

    if (m->hardlink[0] == '\0' ||
        tree_place_open(&from, m->hardlink, false, &old_dir, &old_name, NULL) < 0 ||
        io_stat(old_dir, old_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        (void)err_set(e, ERR_FORMAT, "a hard link to what is no earlier member of the archive");
        goto out;
    }
    may_be_link = st.st_size == 0 && (st.st_mode & 07777) == 0;
    if (!S_ISREG(st.st_mode) || (may_be_link && tree_late_is_link(&x->late, m->hardlink))) {
        (void)err_set(e, ERR_FORMAT, "a hard link to something that is not a regular file");
        goto out;
    }
    if (strcmp(m->hardlink, m->path) == 0) {
        (void)err_set(e, ERR_FORMAT, "a hard link to itself");
        goto out;
    }
    if (tree_place_open(&x->place, m->path, true, &dir, &name, e) < 0)
        goto out;
    if (io_link(old_dir, old_name, dir, name, 0) != 0) {
        if (errno != EEXIST) {
            (void)err_sys(e, ERR_IO, errno, "link");
            goto out;
        }
        if (clear_way(x, dir, name, m->path, e) < 0)
            goto out;
        if (io_link(old_dir, old_name, dir, name, 0) != 0) {
            (void)err_sys(e, ERR_IO, errno, "link");
            goto out;
        }
    }
    rc = 0;
out:
    tree_place_deinit(&from);
    return rc;
}

static int extract_special(struct extraction *x, int dir, const char *name,
                           const struct tree_untar_member *m, struct err *e)
{
    struct tree_meta meta = tree_late_meta(&x->late, m);
    bool is_device = S_ISCHR(m->mode) || S_ISBLK(m->mode);
    dev_t number = is_device ? archive_entry_rdev(m->entry) : 0;

    if (!is_device && !S_ISFIFO(m->mode))
        return err_set(e, ERR_FORMAT, "a kind of member that is not known");
    if (is_device && !x->spec->privileged) {
        tree_late_note(&x->late, m->path, "devices are left out without root");
        return 0;
    }
    if (io_mknod(dir, name, (m->mode & S_IFMT) | 0600, number) != 0) {
        if (errno != EEXIST)
            return err_sys(e, ERR_IO, errno, "create");
        if (clear_way(x, dir, name, m->path, e) < 0)
            return -1;
        if (io_mknod(dir, name, (m->mode & S_IFMT) | 0600, number) != 0)
            return err_sys(e, ERR_IO, errno, "create");
    }
    meta.attributes = NULL;
    if (x->spec->privileged && io_chown(dir, name, meta.uid, meta.gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_sys(e, ERR_IO, errno, "owner");
    /* by name: it must not be opened, and the folder is ours alone until the end */
    if (io_chmod(dir, name, meta.mode) != 0)
        return err_sys(e, ERR_IO, errno, "permissions");
    return tree_late_apply_name(&x->late, dir, name, &meta, e);
}

static int extract_root(struct extraction *x, const struct tree_untar_member *m, struct err *e)
{
    if (!S_ISDIR(m->mode) || m->hardlink != NULL)
        return err_set(e, ERR_FORMAT, "the root of the archive is not a folder");
    struct tree_meta meta = tree_late_meta(&x->late, m);
    tree_late_add_folder(&x->late, "", &meta);
    return 0;
}

static int extract_member(struct extraction *x, const struct tree_untar_member *m, struct err *e)
{
    const char *name;
    int dir;

    if (m->path[0] == '\0')
        return extract_root(x, m, e);
    if (m->hardlink == NULL && S_ISDIR(m->mode)) {
        if (tree_place_open(&x->place, m->path, true, &dir, &name, e) < 0)
            return -1;
        return extract_folder(x, dir, name, m, e);
    }
    x->result->files++;
    if (m->hardlink != NULL)
        return extract_hardlink(x, m, e);
    if (tree_place_open(&x->place, m->path, true, &dir, &name, e) < 0)
        return -1;
    if (S_ISREG(m->mode))
        return extract_file(x, dir, name, m, e);
    return m->symlink != NULL ? extract_symlink(x, dir, name, m, e)
                              : extract_special(x, dir, name, m, e);
}

static int extract_all(struct extraction *x, struct err *e)
{
    struct tree_untar_member m;
    int rc;

    while ((rc = tree_untar_next(x->tar, &m, e)) == 0) {
        if (extract_member(x, &m, e) < 0) {
            _cleanup_free_ char *shown = str_printable(m.path, strnlen(m.path, 200));
            return err_wrap(e, "archive member \"%s\"", shown);
        }
        if (x->spec->progress != NULL &&
            x->spec->progress(x->spec->arg, m.path, x->result->bytes, e) < 0)
            return -1;
    }
    return rc < 0 ? -1 : 0;
}

int tree_extract(const struct tree_extract_spec *spec, struct tree_extract_result *ret,
                 struct err *e)
{
    struct extraction x = {
        .spec = spec, .result = ret, .place = TREE_PLACE(spec->root), .late = {.spec = spec}};

    *ret = (struct tree_extract_result){0};
    if (io_fchmod(spec->root, 0700) != 0)
        return err_sys(e, ERR_IO, errno, "permissions of the folder to restore into");
    if (tree_untar_open(&x.tar, spec->source, spec->source_arg, e) < 0)
        return -1;
    int rc = extract_all(&x, e);
    if (rc == 0)
        rc = tree_late_finish(&x.late, &x.place, e);
    if (rc == 0 && io_syncfs(spec->root) != 0)
        rc = err_sys(e, ERR_IO, errno, "write everything to the disk");
    tree_late_deinit(&x.late);
    tree_place_deinit(&x.place);
    tree_untar_free(x.tar);
    return rc;
}
