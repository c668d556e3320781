#include "cli/channel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"

int interrupt_open(struct interrupt *ret, struct err *e)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return ret->fd >= 0 ? 0 : err_sys(e, ERR_IO, errno, "signalfd");
}

void interrupt_close(struct interrupt *i)
{
    fs_closep(&i->fd);
}

static bool take_signal(int fd)
{
    struct signalfd_siginfo info;

    return io_read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

bool interrupt_wait(const struct interrupt *i, int timeout_ms)
{
    struct pollfd p = {.fd = i->fd, .events = POLLIN};

    return poll(&p, 1, timeout_ms) > 0 && take_signal(i->fd);
}

void channel_init(struct channel *c, int fd, size_t max)
{
    c->fd = fd;
    frame_decoder_init(&c->in, max);
}

void channel_deinit(struct channel *c)
{
    fs_closep(&c->fd);
    frame_decoder_deinit(&c->in);
}

/* Take what has come into the decoder. 1: end of file. */
static int fill(struct channel *c, struct err *e)
{
    char chunk[65536];
    ssize_t n = io_recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return err_sys(e, ERR_IO, errno, "receive");
    if (n <= 0)
        return 1;
    int rc = frame_feed(&c->in, chunk, (size_t)n, e);
    mem_wipe(chunk, (size_t)n); /* it may hold a key */
    return rc;
}

int channel_receive(struct channel *c, const struct interrupt *i, int timeout_ms, json_t **ret,
                    struct err *e)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN},
                              {.fd = i != NULL ? i->fd : -1, .events = POLLIN}};
        int rc = frame_next(&c->in, ret, e);
        if (rc <= 0)
            return rc < 0 ? -1 : CHANNEL_OBJECT;
        rc = poll(p, 2, timeout_ms);
        if (rc < 0 && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "poll");
        if (rc == 0)
            return CHANNEL_TIMEOUT;
        if (rc > 0 && (p[1].revents & POLLIN) != 0 && take_signal(p[1].fd))
            return CHANNEL_INTERRUPTED;
        if (rc > 0 && p[0].revents != 0) {
            rc = fill(c, e);
            if (rc != 0)
                return rc < 0 ? -1 : CHANNEL_END;
        }
    }
}
