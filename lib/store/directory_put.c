/* directory_put.c — one object on its way into a directory.
 *
 * The happy path is: a file of a random name in INCOMING_DIR, locked so that no sweep takes it;
 * writes, whole pages past the page cache; sealed ranges are read back behind the writer; fsync;
 * folders made; rename; fsync of the folder.
 *
 * Failure modes: any write, fsync or read-back fails: the file is removed and the put is over. A
 * failed fsync is never tried again: the kernel may have dropped the pages and would say yes the
 * second time. The fsync of the folder fails: a new object is taken away again; one that replaced
 * another stays, since either of the two is whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/store/directory.h"
#include "lib/store/readback.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

enum { PAGE = 4096, DIRECT_WORTH = 256 * 1024 };

struct directory_put {
    struct store_put base;
    struct directory *directory;
    int incoming, fd;
    char temporary[33];
    bool renamed;
    struct readback *readback;
    struct readback_file file;
    bool buffered; /* from here on: what was written last did not fill a page, or so it must be */
};

int directory_put_begin(struct store *s, const char *name, enum store_begin how,
                        struct store_put **ret, struct err *e)
{
    struct directory *d = directory_of(s);
    struct directory_put *p = mem_alloc(sizeof(*p));
    struct stat st;

    *p = (struct directory_put){.base.store = s, .directory = d, .fd = -1, .file = {-1, -1}};
    (void)name; /* a temporary one is as good; and here nothing is worth resuming */
    (void)how;
    p->renamed = true; /* nothing to remove yet */
    p->incoming = directory_make_folder(d->root, INCOMING_DIR);
    if (p->incoming < 0 || folder_temporary_name(p->temporary) != 0)
        goto fail;
    p->fd = io_open(p->incoming, p->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, OBJECT_MODE);
    if (p->fd < 0)
        goto fail;
    p->renamed = false;
    (void)io_flock(p->fd, LOCK_EX | LOCK_NB); /* where it fails, the age alone protects the file */
    if (io_fstat(p->fd, &st) != 0)
        goto fail;
    /* umask and default ACLs both may have changed it */
    if (directory_set_mode(p->fd, &st, OBJECT_MODE) != 0)
        goto fail;
    p->file.fd = p->fd;
    p->readback = readback_new_file(&p->file);
    *ret = &p->base;
    return 0;
fail:
    (void)directory_error(d, errno, "begin an object", NULL, e);
    directory_put_free(&p->base);
    return -1;
}

static struct directory_put *put_of(struct store_put *p)
{
    return (struct directory_put *)p;
}

/* What failed below knows the errno, but not the place or what to do about it. */
static int explain(const struct directory_put *p, const struct err *why, const char *doing,
                   const char *name, struct err *e)
{
    if (why->errnum != 0)
        return directory_error(p->directory, why->errnum, doing, name, e);
    if (e != NULL)
        *e = *why;
    return err_wrap(e, "%s%s%s at %s", doing, name == NULL ? "" : " ", name == NULL ? "" : name,
                    p->directory->base.place);
}

/* Whole pages go past the page cache, where the file system lets us: that spares a copy, and
 * memory that belongs to others. Returns how many bytes went that way. */
static size_t write_direct(struct directory_put *p, const uint8_t *data, size_t len)
{
    size_t done = 0;

    if (p->buffered || (uintptr_t)data % PAGE != 0 || len % PAGE != 0 || len < DIRECT_WORTH) {
        p->buffered = true;
        return 0;
    }
    if (p->file.direct < 0)
        p->file.direct = io_open(p->incoming, p->temporary, O_RDWR | O_DIRECT | O_NOFOLLOW, 0);
    while (p->file.direct >= 0 && done < len) {
        ssize_t n =
            io_pwrite(p->file.direct, data + done, len - done, (off_t)(p->base.written + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done < len) /* no O_DIRECT here, or an error that the buffered write meets too and tells */
        p->buffered = true;
    return done;
}

int directory_put_write(struct store_put *base, const void *data, size_t len, struct err *e)
{
    struct directory_put *p = put_of(base);
    struct err why = {0};

    if (readback_check(p->readback, &why) < 0)
        return explain(p, &why, "read back an object", NULL, e);
    bool was_buffered = p->buffered;
    size_t done = write_direct(p, data, len);
    if (done == len)
        return 0;
    if (!was_buffered && io_seek(p->fd, (off_t)(base->written + done), SEEK_SET) < 0)
        return directory_error(p->directory, errno, "write an object", NULL, e);
    if (fs_write_all(p->fd, (const uint8_t *)data + done, len - done, &why) < 0)
        return explain(p, &why, "write an object", NULL, e);
    return 0;
}

int directory_put_seal(struct store_put *base, uint64_t offset, size_t len,
                       const uint8_t sha256[STORE_DIGEST_LEN], struct err *e)
{
    struct directory_put *p = put_of(base);
    struct err why = {0};

    if (readback_add(p->readback, offset, len, sha256, &why) < 0)
        return explain(p, &why, "read back an object", NULL, e);
    return 0;
}

/* renameat2 with NOREPLACE where the file system has it (not NFS, not all of FUSE), else by a hard
 * link, else by looking first: a destination has one owner, so nobody races with us. */
static int rename_new(struct directory_put *p, int folder, const char *base)
{
    struct stat st;

    if (io_rename(p->incoming, p->temporary, folder, base, RENAME_NOREPLACE) == 0)
        return 0;
    if (!directory_lacks(errno))
        return -1;
    /* NFS may make the link and lose the answer: asked again it says that the name exists. */
    if (io_link(p->incoming, p->temporary, folder, base, 0) == 0 ||
        (errno == EEXIST && io_fstat(p->fd, &st) == 0 && st.st_nlink > 1)) {
        (void)io_unlink(p->incoming, p->temporary, 0); /* else sweep does it */
        return 0;
    }
    if (errno != EMLINK && !directory_lacks(errno))
        return -1;
    if (io_stat(folder, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return io_rename(p->incoming, p->temporary, folder, base, 0);
}

/* Into the folder under its name, durably. */
static int place(struct directory_put *p, int folder, const char *name, enum store_commit how,
                 struct err *e)
{
    const char *slash = strrchr(name, '/'), *base = slash == NULL ? name : slash + 1;
    bool is_new = true;
    int rc = rename_new(p, folder, base);

    if (rc != 0 && errno == EEXIST && how == STORE_FAIL_IF_EXISTS)
        return err_set(e, ERR_EXISTS, "%s: %s exists already", p->directory->base.place, name);
    if (rc != 0 && errno == EEXIST) {
        is_new = false;
        rc = io_rename(p->incoming, p->temporary, folder, base, 0);
    }
    if (rc != 0)
        return directory_error(p->directory, errno, "rename an object to", name, e);
    p->renamed = true;
    if (directory_sync(folder) == 0)
        return 0;
    int failure = errno;
    if (is_new)
        (void)io_unlink(folder, base, 0); /* the failure is told either way */
    return directory_error(p->directory, failure, "make durable the folder of", name, e);
}

int directory_put_commit(struct store_put *put, const char *name, enum store_commit how,
                         struct err *e)
{
    enum { TRIES = 5 };
    struct directory_put *p = put_of(put);
    struct err why = {0};

    if (directory_sync(p->fd) != 0)
        return directory_error(p->directory, errno, "fsync", name, e);
    if (readback_finish(p->readback, &why) < 0)
        return explain(p, &why, "read back", name, e);
    for (int i = 0;; i++) {
        _cleanup_(fs_closep) int folder = -1;
        if (directory_make_parent(p->directory, name, &folder, e) < 0)
            return -1;
        int rc = place(p, folder, name, how, &why);
        /* A deletion beside us may have pruned the folder as empty before we filled it. */
        if (rc < 0 && why.errnum == ENOENT && !p->renamed && i < TRIES)
            continue;
        if (rc < 0 && e != NULL)
            *e = why;
        return rc;
    }
}

void directory_put_free(struct store_put *base)
{
    struct directory_put *p = put_of(base);

    readback_free(p->readback);
    if (!p->renamed)
        (void)io_unlink(p->incoming, p->temporary, 0); /* else sweep does it */
    fs_closep(&p->file.direct);
    fs_closep(&p->fd);
    fs_closep(&p->incoming);
    free(p);
}
