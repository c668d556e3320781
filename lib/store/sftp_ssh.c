/* sftp_ssh.c — the happy path is: names to addresses, the first that answers; handshake with a kind
 * of host key that we can check; the check; login; a channel with the sftp subsystem.
 *
 * libssh2 waits by itself for each answer. So that neither a dead host nor one that trickles holds us,
 * and a cancel is heard, a guard shuts the socket down under it when the time is up.
 *
 * Failure modes: nobody listens (ERR_UNAVAILABLE), nothing is said for SFTP_ANSWER_MS or it takes
 * longer than OPEN_S (ERR_TIMEOUT; a person waits less, waiter.h), the caller is stopped (ERR_CANCELLED), another host than the known one, no right to log in, a server without SFTP (ERR_CONFIG). */
#include "lib/store/sftp_ssh.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/base/clock.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
    CONNECT_S = 30,
    OPEN_S = 120,
    OPEN_SHORT_S = 30, /* where a person waits */
    TICK_MS = 250,
    WINDOW_BYTES = 4 * 1024 * 1024,
    PACKET_BYTES = 32 * 1024
};

char *sftp_ssh_reason(LIBSSH2_SESSION *session)
{
    char *text = NULL;
    int len = 0;

    (void)libssh2_session_last_error(session, &text, &len, 0);
    _cleanup_free_ char *shown =
        text == NULL ? NULL : str_printable(text, strnlen(text, len > 0 ? (size_t)len : 0));
    return mem_printf(": %s", shown == NULL || shown[0] == '\0' ? "no reason given" : shown);
}

static enum err_code code_of(int rc)
{
    return rc == LIBSSH2_ERROR_TIMEOUT || rc == LIBSSH2_ERROR_SOCKET_TIMEOUT ? ERR_TIMEOUT
                                                                             : ERR_UNAVAILABLE;
}

/* One server that is being connected to. */
struct opening {
    const struct sftp_options *options;
    const char *place;
    struct store_wait *wait;
};

static bool is_stopped(const struct opening *o)
{
    return store_wait_look(o->wait, o->place);
}

static int64_t from_now_us(int seconds)
{
    return clock_mono().us + seconds * 1000000LL;
}

/* errno of the attempt, 0 if it stands. */
static int finish_connect(int fd, const struct opening *o, int64_t deadline_us)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int failure = 0, n;
    socklen_t len = sizeof(failure);

    while ((n = poll(&p, 1, TICK_MS)) == 0 || (n < 0 && errno == EINTR)) {
        if (is_stopped(o))
            return ECANCELED;
        if (clock_mono().us >= deadline_us)
            return ETIMEDOUT;
    }
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
        return errno;
    return failure;
}

static int connect_to(const struct addrinfo *a, const struct opening *o, int64_t deadline_us)
{
    const int on = 1;
    int fd = io_socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    int failure = 0;

    if (fd < 0)
        return -1;
    if (io_connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        failure = errno == EINPROGRESS ? finish_connect(fd, o, deadline_us) : errno;
    if (failure != 0) {
        fs_closep(&fd);
        errno = failure;
        return -1;
    }
    /* Requests are small, and each waits for its answer. A middlebox must not forget us. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return fd;
}

static int connect_host(const struct opening *o, int *ret_fd, struct err *e)
{
    const int64_t deadline_us = /* for name and addresses together */
        from_now_us(store_wait_is_short(o->wait) ? WAITER_MUTE_S : CONNECT_S);
    struct addrinfo *list;
    int failure = 0;

    if (sftp_find_host(o->options, o->wait, o->place, deadline_us, &list, e) < 0)
        return -1;
    *ret_fd = -1;
    for (const struct addrinfo *a = list; a != NULL && *ret_fd < 0; a = a->ai_next) {
        if (a != list && (failure == ECANCELED || clock_mono().us >= deadline_us))
            break;
        *ret_fd = connect_to(a, o, deadline_us);
        failure = errno;
    }
    freeaddrinfo(list);
    if (*ret_fd >= 0)
        return 0;
    if (failure == ECANCELED)
        return err_set(e, ERR_CANCELLED, "%s: cancelled", o->place);
    return err_sys(e, failure == ETIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE, failure,
                   "%s: connect to port %d (is the SSH server up, and the port open?)", o->place,
                   o->options->port);
}

static int open_channel(struct sftp_ssh *s, const char *place, struct err *e)
{
    _cleanup_free_ char *why = NULL;

    s->channel = libssh2_channel_open_ex(s->session, "session", strlen("session"), WINDOW_BYTES,
                                         PACKET_BYTES, NULL, 0);
    if (s->channel == NULL) {
        why = sftp_ssh_reason(s->session);
        return err_set(e, code_of(libssh2_session_last_errno(s->session)), "%s: open a channel%s",
                       place, why);
    }
    int rc = libssh2_channel_subsystem(s->channel, "sftp");
    if (rc == 0)
        return 0;
    why = sftp_ssh_reason(s->session);
    if (rc != LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED && rc != LIBSSH2_ERROR_CHANNEL_FAILURE)
        return err_set(e, code_of(rc), "%s: start SFTP%s", place, why);
    return err_set(e, ERR_CONFIG,
                   "%s: the server offers no SFTP%s (its sshd_config needs \"Subsystem sftp "
                   "internal-sftp\")",
                   place, why);
}

static int handshake(struct sftp_ssh *s, const struct sftp_options *o, const char *place,
                     struct err *e)
{
    if (sftp_known_host_prefer(s->session, o, place, e) < 0)
        return -1;
    int rc = libssh2_session_handshake(s->session, s->fd);
    if (rc == 0)
        return 0;
    _cleanup_free_ char *why = sftp_ssh_reason(s->session);
    return err_set(e, code_of(rc), "%s: begin an SSH session%s", place, why);
}

/* --- the guard --- */

enum verdict { PASSED, STOPPED, TOO_LONG };

struct guard {
    const struct opening *opening;
    int fd, over; /* over: eventfd, the session is open or has failed */
    int seconds;
    int64_t deadline_us;  /* so many from the beginning */
    enum verdict verdict; /* read when it has been joined */
    pthread_t thread;
    bool runs;
};

static void *watch(void *arg)
{
    struct guard *g = arg;
    struct pollfd p = {.fd = g->over, .events = POLLIN};

    while (poll(&p, 1, TICK_MS) <= 0) {
        if (is_stopped(g->opening))
            g->verdict = STOPPED;
        else if (clock_mono().us >= g->deadline_us)
            g->verdict = TOO_LONG;
        else
            continue;
        (void)shutdown(g->fd, SHUT_RDWR); /* who waits at it finds it closed */
        break;
    }
    return NULL;
}

/* Without a guard each wait is still bounded by libssh2's own timeout. */
static void guard_begin(struct guard *g, const struct opening *o, int fd)
{
    *g = (struct guard){.opening = o, .fd = fd, .over = eventfd(0, EFD_CLOEXEC)};
    g->seconds = store_wait_is_short(o->wait) ? OPEN_SHORT_S : OPEN_S;
    g->deadline_us = from_now_us(g->seconds);
    g->runs = g->over >= 0 && pthread_create(&g->thread, NULL, watch, g) == 0;
}

static int guard_end(struct guard *g, struct err *e)
{
    const char *place = g->opening->place;

    if (g->runs && eventfd_write(g->over, 1) == 0)
        (void)pthread_join(g->thread, NULL);
    fs_closep(&g->over);
    if (g->verdict == STOPPED)
        return err_set(e, ERR_CANCELLED, "%s: cancelled", place);
    if (g->verdict == TOO_LONG)
        return err_set(e, ERR_TIMEOUT, "%s: the server took more than %d s to let us in", place,
                       g->seconds);
    return 0;
}

static int open_session(struct sftp_ssh *s, const struct opening *x, struct err *e)
{
    const struct sftp_options *o = x->options;
    const char *place = x->place;
    struct guard g;

    guard_begin(&g, x, s->fd);
    int rc = handshake(s, o, place, e) < 0 || sftp_known_host_check(s->session, o, place, e) < 0 ||
                     sftp_login(s->session, o, place, e) < 0 || open_channel(s, place, e) < 0
                 ? -1
                 : 0;
    return guard_end(&g, e) < 0 ? -1 : rc;
}

/* What is refused is tried once more for a person, who may have been a second too early. */
static int connect_twice(const struct opening *o, int *ret_fd, struct err *e)
{
    for (int tries = 1;; tries++) {
        int rc = connect_host(o, ret_fd, e);
        if (rc == 0 || e->code != ERR_UNAVAILABLE || !store_wait_is_short(o->wait) ||
            tries == WAITER_TRIES)
            return rc;
        clock_sleep_ms(WAITER_PAUSE_MS);
    }
}

int sftp_ssh_open(const struct sftp_options *o, const char *place, struct sftp_ssh *ret,
                  struct err *e)
{
    struct store_wait wait = {.waiter = o->waiter};
    const struct opening opening = {.options = o, .place = place, .wait = &wait};
    struct sftp_ssh s = {.fd = -1};

    store_wait_begin(&wait);
    if (connect_twice(&opening, &s.fd, e) < 0)
        return -1;
    s.session = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
    if (s.session == NULL)
        abort(); /* memory, as in mem.h */
    libssh2_session_set_timeout(s.session,
                                store_wait_is_short(&wait) ? WAITER_MUTE_S * 1000 : SFTP_ANSWER_MS);
    if (open_session(&s, &opening, e) < 0) {
        sftp_ssh_close(&s);
        return -1;
    }
    libssh2_keepalive_config(s.session, 1, 15);
    *ret = s;
    return 0;
}

void sftp_ssh_close(struct sftp_ssh *s)
{
    if (s->session != NULL) {
        /* A server that is gone must not hold us: what can be said at once is said. */
        libssh2_session_set_blocking(s->session, 0);
        (void)libssh2_session_disconnect(s->session, "done");
        (void)shutdown(s->fd, SHUT_RDWR);
        while (libssh2_session_free(s->session) == LIBSSH2_ERROR_EAGAIN)
            continue; /* it wants to say farewell for each channel, and finds the socket closed */
    }
    fs_closep(&s->fd);
    *s = (struct sftp_ssh){.fd = -1};
}
