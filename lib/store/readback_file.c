/* readback_file.c — a file of ours as what is read back. */
#include <errno.h>
#include <fcntl.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/store/readback.h"

enum { CHUNK = 1024 * 1024, PAGE = 4096 };

static int fd_of(const void *arg)
{
    return ((const struct readback_file *)arg)->fd;
}

static int write_out(void *arg, uint64_t offset, size_t len, struct err *e)
{
    if (io_sync_range(fd_of(arg), (off_t)offset, (off_t)len) == 0)
        return 0;
    /* Some file systems know no ranges; anything else is a failed write. */
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP && errno != ESPIPE)
        return err_sys(e, ERR_IO, errno, "write out");
    if (io_fdatasync(fd_of(arg)) != 0)
        return err_sys(e, ERR_IO, errno, "fdatasync");
    return 0;
}

/* Whole pages are dropped, the shared ones at both ends included: the writer dirties the last one
 * again, then it stays, and the next range reads it. */
static void drop_pages(void *arg, uint64_t offset, size_t len)
{
    off_t begin = (off_t)(offset / PAGE * PAGE);
    off_t end = (off_t)((offset + len + PAGE - 1) / PAGE * PAGE);

    (void)io_fadvise(fd_of(arg), begin, end - begin,
                     POSIX_FADV_DONTNEED); /* advice cannot fail us */
}

/* Whole pages past the page cache, which spares a copy; 0 when the file system will not. The end
 * of the file may come short. */
static size_t read_direct(const struct readback_file *f, uint64_t offset, void *data, size_t len)
{
    size_t whole = (len + PAGE - 1) / PAGE * PAGE;

    if (f->direct < 0 || offset % PAGE != 0)
        return 0;
    ssize_t n = io_pread(f->direct, data, whole, (off_t)offset);
    return n <= 0 ? 0 : (size_t)n < len ? (size_t)n : len;
}

static int read_file(void *arg, uint64_t offset, void *data, size_t len, size_t *ret_len,
                     struct err *e)
{
    size_t done = read_direct(arg, offset, data, len);

    if (fs_pread_full(fd_of(arg), (uint8_t *)data + done, len - done, (int64_t)(offset + done),
                      ret_len, e) < 0)
        return -1;
    *ret_len += done;
    return 0;
}

struct readback *readback_new_file(struct readback_file *f)
{
    static const struct readback_medium file = {.write_out = write_out,
                                                .read = read_file,
                                                .drop = drop_pages,
                                                .chunk = CHUNK,
                                                .in_pairs = true};

    return readback_new(&file, f);
}
