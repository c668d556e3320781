#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"

/* 1: none was handed over */
static int from_manager(int *ret_fd, struct err *e)
{
    int count = sd_listen_fds(1);

    if (count <= 0)
        return 1;
    if (count > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
        return err_set(e, ERR_CONFIG,
                       "the service manager handed over something else than one listening Unix "
                       "stream socket (look at the .socket unit)");
    *ret_fd = SD_LISTEN_FDS_START;
    return 0;
}

static bool somebody_answers(const struct sockaddr_un *addr)
{
    _cleanup_(fs_closep) int fd = io_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* EAGAIN: a backlog that is full, so there is a listener */
    return fd >= 0 &&
           (io_connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN);
}

static int remove_stale(const struct sockaddr_un *addr, struct err *e)
{
    struct stat st;

    if (io_stat(AT_FDCWD, addr->sun_path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFIG, "socket %s: something else lies there", addr->sun_path);
    if (somebody_answers(addr))
        return err_set(e, ERR_REFUSED, "socket %s: another synbakd answers there", addr->sun_path);
    if (io_unlink(AT_FDCWD, addr->sun_path, 0) != 0 && errno != ENOENT)
        return err_sys(e, ERR_IO, errno, "remove the stale socket %s", addr->sun_path);
    return 0;
}

int listen_open(const char *path, int *ret_fd, bool *ret_own, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    _cleanup_(fs_closep) int fd = -1;
    int rc = from_manager(ret_fd, e);

    *ret_own = false;
    if (rc <= 0)
        return rc;
    if (strlen(path) >= sizeof(addr.sun_path))
        return err_set(e, ERR_CONFIG, "socket %s: the path is longer than %zu characters", path,
                       sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, strlen(path));
    if (remove_stale(&addr, e) < 0)
        return -1;
    fd = io_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "socket");
    mode_t old = umask(0117); /* 0660 from its first moment; one thread yet */
    rc = io_bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
    int why = errno;
    (void)umask(old);
    if (rc != 0)
        return err_sys(e, ERR_IO, why, "socket %s (does its folder exist?)", path);
    if (listen(fd, SOMAXCONN) != 0)
        return err_sys(e, ERR_IO, errno, "listen on %s", path);
    *ret_fd = fs_take_fd(&fd);
    *ret_own = true;
    return 0;
}
