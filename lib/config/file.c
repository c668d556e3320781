#include "lib/config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/config/ini.h"

enum { DROP_INS_MAX = 1000 };

static int check_owner(const char *path, const struct stat *st, struct err *e)
{
    _cleanup_free_ char *quoted = str_shell_quote(path);

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(e, ERR_CONFIG,
                       "%s belongs to user %u, who could have programs run with our rights; give "
                       "it to root: chown root %s",
                       path, st->st_uid, quoted);
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(e, ERR_CONFIG,
                       "%s may be written by its group or by others (mode %04o), who could have "
                       "programs run with our rights: chmod go-w %s",
                       path, (unsigned)(st->st_mode & 07777), quoted);
    return 0;
}

static int read_open(int fd, const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    char *bytes;
    size_t len;

    if (io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_CONFIG, errno, "read %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFIG, "%s is not a file", path);
    if (check_owner(path, &st, e) < 0)
        return -1;
    bytes = mem_alloc(INI_FILE_MAX + 1);
    int r = fs_read_full(fd, bytes, INI_FILE_MAX + 1, &len, e);
    if (r == 0 && len > INI_FILE_MAX)
        r = err_set(e, ERR_CONFIG, "%s is longer than 1 MiB", path);
    else if (r < 0)
        (void)err_wrap(e, "%s", path);
    if (r == 0)
        r = buf_append(out, bytes, len, e);
    mem_wipe(bytes, INI_FILE_MAX + 1);
    free(bytes);
    return r;
}

int config_file_read(const char *path, struct buf *out, struct err *e)
{
    /* O_NONBLOCK: a FIFO must not hold us up before it is refused */
    _cleanup_(fs_closep) int fd =
        io_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);

    if (fd < 0)
        return err_sys(e, ERR_CONFIG, errno, "open %s", path);
    return read_open(fd, path, out, e);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(DIR *dir, const char *folder, struct strlist *ret, struct err *e)
{
    struct dirent *entry;

    while ((entry = io_readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || !str_ends(entry->d_name, ".conf"))
            continue;
        if (ret->count >= DROP_INS_MAX)
            return err_set(e, ERR_CONFIG, "more than %d files in %s", DROP_INS_MAX, folder);
        strlist_addf(ret, "%s/%s", folder, entry->d_name);
    }
    if (errno != 0)
        return err_sys(e, ERR_CONFIG, errno, "read %s", folder);
    return 0;
}

int config_file_drop_ins(const char *file, struct strlist *ret, struct err *e)
{
    const char *slash = strrchr(file, '/');
    _cleanup_free_ char *folder =
        mem_printf("%.*sconf.d", slash != NULL ? (int)(slash + 1 - file) : 0, file);
    struct stat st;
    DIR *dir = io_opendir(AT_FDCWD, folder);
    int r;

    if (dir == NULL && errno == ENOENT)
        return 0;
    if (dir == NULL)
        return err_sys(e, ERR_CONFIG, errno, "read %s", folder);
    if (io_fstat(dirfd(dir), &st) != 0)
        r = err_sys(e, ERR_CONFIG, errno, "read %s", folder);
    else
        r = check_owner(folder, &st, e);
    if (r == 0)
        r = list_folder(dir, folder, ret, e);
    (void)io_closedir(dir); /* read only: nothing to lose */
    if (r == 0 && ret->count > 0)
        qsort(ret->items, ret->count, sizeof(char *), compare);
    return r;
}
