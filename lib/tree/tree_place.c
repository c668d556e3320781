#include "lib/tree/tree_place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { STEP_MAX = 3000 }; /* bytes of a path in one system call, below PATH_MAX */

void tree_place_forget(struct tree_place *p)
{
    fs_closep(&p->fd);
    free(TAKE(p->folder));
}

void tree_place_deinit(struct tree_place *p)
{
    tree_place_forget(p);
}

static int open_beneath(int fd, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    return io_openat2(fd, path, &how);
}

/* One part after the other, made where missing. */
static int walk_parts(int root, const char *folder, bool create)
{
    _cleanup_free_ char *copy = mem_strdup(folder);
    char *save = NULL;
    int fd = -1;

    for (char *part = strtok_r(copy, "/", &save); part != NULL; part = strtok_r(NULL, "/", &save)) {
        int from = fd < 0 ? root : fd, next = open_beneath(from, part);
        if (next < 0 && errno == ENOENT && create &&
            (io_mkdir(from, part, 0700) == 0 || errno == EEXIST))
            next = open_beneath(from, part);
        int saved = errno;
        fs_closep(&fd);
        if (next < 0) {
            errno = saved;
            return -1;
        }
        fd = next;
    }
    return fd;
}

static int remember(struct tree_place *p, const char *folder, bool create, struct err *e)
{
    tree_place_forget(p);
    int fd = strlen(folder) <= STEP_MAX ? open_beneath(p->root, folder) : -1;
    if (fd < 0)
        fd = walk_parts(p->root, folder, create);
    if (fd < 0) {
        _cleanup_free_ char *shown = str_printable(folder, strnlen(folder, 200));
        if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
            return err_set(e, ERR_FORMAT, "\"%s\" is not a folder, or leads through a link", shown);
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "folder \"%s\"", shown);
    }
    p->fd = fd;
    p->folder = mem_strdup(folder);
    return 0;
}

int tree_place_open(struct tree_place *p, const char *path, bool create, int *ret_fd,
                    const char **ret_name, struct err *e)
{
    const char *slash = strrchr(path, '/');

    *ret_name = slash == NULL ? path : slash + 1;
    *ret_fd = p->root;
    if (slash == NULL)
        return 0;
    size_t len = (size_t)(slash - path);
    if (p->folder == NULL || strlen(p->folder) != len || memcmp(p->folder, path, len) != 0) {
        _cleanup_free_ char *folder = mem_strndup(path, len);
        if (remember(p, folder, create, e) < 0)
            return -1;
    }
    *ret_fd = p->fd;
    return 0;
}

bool tree_place_has_exact(int fd, const char *name)
{
    DIR *dir = io_opendir(fd, ".");
    struct dirent *entry;
    bool found = false;

    if (dir == NULL)
        return false;
    while (!found && (entry = io_readdir(dir)) != NULL)
        found = strcmp(entry->d_name, name) == 0;
    (void)io_closedir(dir);
    return found;
}
