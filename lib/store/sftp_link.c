/* sftp_link.c — the happy path is: a frame is queued; whoever waits for an answer and finds nobody
 * at the socket takes the place there: it sends what is queued, reads what has come, gives each answer
 * to its request and wakes the others. libssh2 bears one thread at a time and the same call again
 * after "would block", so nobody else touches the session meanwhile; who queues a frame wakes the one at the
 * socket. A keeper looks in every KEEPER_MS, for a server that asks whether we are alive.
 *
 * Failure modes: the connection breaks, nothing is heard for SFTP_ANSWER_MS while something is awaited,
 * the server sends what is no SFTP. Each ends the link: every waiting and later call gets that error. */
#include "lib/store/sftp_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_ssh.h"

enum { KEEPER_MS = 15 * 1000, TICK_MS = 1000, VERSION_3 = 3, LENGTH_LEN = 4, ID_LEN = 5 };

struct sftp_link {
    char *place;
    struct sftp_ssh ssh;
    int wake; /* eventfd: look at the queue */
    int stop; /* eventfd: the keeper goes */
    struct sftp_extensions extensions;

    pthread_mutex_t lock; /* guards what follows, and the session */
    pthread_cond_t changed;
    unsigned refs;
    bool attended; /* somebody is at the socket */
    bool failed;
    struct err error;
    struct sftp_frame *out, **out_end;
    enum { FREE, SENDING, READING } stuck; /* which libssh2 call must be made again first */
    struct sftp_call *calls, **calls_end;
    uint32_t next_id;
    struct mono heard;
    store_stop_cb *stop_when; /* or NULL */
    void *stop_arg;

    uint8_t head[LENGTH_LEN]; /* of the packet that is coming in */
    uint8_t *in;
    size_t in_len, in_have; /* in_have counts the head too */
    uint8_t *chunk;
    pthread_t keeper;
    bool kept;
};

enum { CHUNK = 64 * 1024 };

static void fail(struct sftp_link *l, enum err_code code, const char *what)
{
    if (l->failed)
        return;
    l->failed = true;
    (void)err_set(&l->error, code, "%s: %s", l->place, what);
}

static void fail_session(struct sftp_link *l)
{
    _cleanup_free_ char *why = sftp_ssh_reason(l->ssh.session);
    _cleanup_free_ char *what = mem_printf("the connection is lost%s", why);

    fail(l, ERR_UNAVAILABLE, what);
}

/* After "would block": is it the socket that takes no more? Then the very same call comes next. */
static bool blocks_outward(struct sftp_link *l)
{
    return (libssh2_session_block_directions(l->ssh.session) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

static bool send_queued(struct sftp_link *l)
{
    bool progress = false;

    while (l->out != NULL && !l->failed) {
        struct sftp_frame *f = l->out;
        ssize_t n =
            libssh2_channel_write(l->ssh.channel, (char *)f->data + f->sent, f->len - f->sent);
        l->stuck = FREE;
        if (n == LIBSSH2_ERROR_EAGAIN || n == 0) {
            l->stuck = n != 0 && blocks_outward(l) ? SENDING : FREE;
            break;
        }
        if (n < 0) {
            fail_session(l);
            break;
        }
        progress = true;
        f->sent += (size_t)n;
        if (f->sent < f->len)
            continue;
        l->out = f->next;
        if (l->out == NULL)
            l->out_end = &l->out;
        free(f);
    }
    return progress;
}

/* The packet in l->in answers one of our requests. */
static void give(struct sftp_link *l)
{
    struct sftp_reader r = {.at = l->in, .left = l->in_len};
    struct sftp_call **at = &l->calls;

    if (l->in_len < ID_LEN)
        return fail(l, ERR_UNAVAILABLE, "the server sent a packet that is too short");
    r.at++, r.left--;
    uint32_t id = sftp_read_u32(&r);
    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    struct sftp_call *c = *at;
    if (c == NULL)
        return fail(l, ERR_UNAVAILABLE, "the server answered what was not asked");
    *at = c->next;
    if (*at == NULL)
        l->calls_end = at;
    if (c->forgotten) {
        free(c);
        return;
    }
    c->type = l->in[0];
    c->len = r.left;
    memmove(l->in, r.at, r.left);
    c->body = TAKE(l->in);
    c->done = true;
}

/* Bytes from the channel, cut into packets. */
static void take_in(struct sftp_link *l, const uint8_t *data, size_t len)
{
    while (len > 0 && !l->failed) {
        if (l->in_have < LENGTH_LEN) {
            l->head[l->in_have++] = *data++;
            len--;
            if (l->in_have < LENGTH_LEN)
                continue;
            struct sftp_reader r = {.at = l->head, .left = LENGTH_LEN};
            l->in_len = sftp_read_u32(&r);
            if (l->in_len == 0 || l->in_len > SFTP_REPLY_MAX)
                return fail(
                    l, ERR_UNAVAILABLE,
                    "what the server sends is not SFTP (does the user's shell print something "
                    "at login?)");
            free(l->in);
            l->in = mem_alloc(l->in_len);
            continue;
        }
        size_t done = l->in_have - LENGTH_LEN;
        size_t n = len < l->in_len - done ? len : l->in_len - done;
        memcpy(l->in + done, data, n);
        data += n;
        len -= n;
        l->in_have += n;
        if (l->in_have - LENGTH_LEN == l->in_len) {
            give(l);
            l->in_have = 0;
        }
    }
}

static bool read_incoming(struct sftp_link *l)
{
    bool progress = false;

    while (!l->failed) {
        ssize_t n = libssh2_channel_read(l->ssh.channel, (char *)l->chunk, CHUNK);
        l->stuck = FREE;
        if (n == LIBSSH2_ERROR_EAGAIN) {
            l->stuck = blocks_outward(l) ? READING : FREE;
            break;
        }
        if (n < 0) {
            fail_session(l);
        } else if (n > 0) {
            progress = true;
            take_in(l, l->chunk, (size_t)n);
        } else if (libssh2_channel_eof(l->ssh.channel) != 0) {
            fail(l, ERR_UNAVAILABLE, "the server ended the connection");
        } else {
            break;
        }
    }
    return progress;
}

/* Send and read what can be without waiting. Lock held, nobody else at the socket. */
static bool step(struct sftp_link *l)
{
    bool progress = false;

    if (l->stuck == READING)
        progress |= read_incoming(l);
    if (l->stuck != READING)
        progress |= send_queued(l);
    if (l->stuck == FREE)
        progress |= read_incoming(l);
    if (progress || l->failed) {
        l->heard = clock_mono();
        (void)pthread_cond_broadcast(&l->changed);
    }
    return progress;
}

/* Wait at the socket, the lock given back meanwhile. */
static void wait_at_socket(struct sftp_link *l)
{
    struct pollfd p[2] = {{.fd = l->ssh.fd, .events = POLLIN}, {.fd = l->wake, .events = POLLIN}};
    eventfd_t unused;

    if (l->stuck != FREE)
        p[0].events |= POLLOUT;
    (void)pthread_mutex_unlock(&l->lock);
    (void)poll(p, 2, TICK_MS);
    if ((p[1].revents & POLLIN) != 0)
        (void)eventfd_read(l->wake, &unused);
    (void)pthread_mutex_lock(&l->lock);
}

static void check_silence(struct sftp_link *l)
{
    int next;

    if (l->stop_when != NULL && l->stop_when(l->stop_arg))
        fail(l, ERR_CANCELLED, "cancelled");
    else if (clock_mono().us - l->heard.us > SFTP_ANSWER_MS * 1000LL)
        fail(l, ERR_TIMEOUT,
             "the server has not answered for a minute (it is overloaded or cut off)");
    else if (l->stuck == FREE)
        (void)libssh2_keepalive_send(l->ssh.session, &next); /* a failure shows at the next read */
}

/* Until it is answered; NULL: all are. Lock held. */
static void attend(struct sftp_link *l, const struct sftp_call *call)
{
    l->attended = true;
    for (;;) {
        bool progress = step(l);
        if (l->failed || (call != NULL ? call->done : l->calls == NULL))
            break;
        if (progress)
            continue;
        wait_at_socket(l);
        check_silence(l);
    }
    l->attended = false;
    (void)pthread_cond_broadcast(&l->changed);
}

static void queue(struct sftp_link *l, struct sftp_frame *f, struct sftp_call *call)
{
    (void)pthread_mutex_lock(&l->lock);
    if (l->calls == NULL)
        l->heard = clock_mono(); /* silence counts from the first question on */
    call->id = l->next_id++;
    call->next = NULL;
    *l->calls_end = call;
    l->calls_end = &call->next;
    sftp_frame_number(f, call->id);
    *l->out_end = f;
    l->out_end = &f->next;
    if (l->attended)
        (void)eventfd_write(l->wake, 1);
    else if (!l->failed)
        (void)step(l);
    (void)pthread_mutex_unlock(&l->lock);
}

void sftp_link_send(struct sftp_link *l, struct sftp_frame *f, struct sftp_call *call)
{
    *call = (struct sftp_call){0};
    queue(l, f, call);
}

void sftp_link_forget(struct sftp_link *l, struct sftp_frame *f)
{
    struct sftp_call *call = mem_alloc(sizeof(*call));

    call->forgotten = true;
    queue(l, f, call);
}

/* A failed link answers nobody: the request is taken off its list. Lock held. */
static void withdraw(struct sftp_link *l, const struct sftp_call *call)
{
    struct sftp_call **at = &l->calls;

    while (*at != NULL && *at != call)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = call->next;
    if (*at == NULL)
        l->calls_end = at;
}

int sftp_link_wait(struct sftp_link *l, struct sftp_call *call, struct err *e)
{
    (void)pthread_mutex_lock(&l->lock);
    while (!call->done && !l->failed) {
        if (l->attended)
            (void)pthread_cond_wait(&l->changed, &l->lock);
        else
            attend(l, call);
    }
    int rc = call->done ? 0 : -1;
    if (rc < 0) {
        withdraw(l, call);
        if (e != NULL)
            *e = l->error;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return rc;
}

bool sftp_link_is_answered(struct sftp_link *l, const struct sftp_call *call)
{
    (void)pthread_mutex_lock(&l->lock);
    if (!l->attended && !l->failed)
        (void)step(l);
    bool answered = call->done || l->failed;
    (void)pthread_mutex_unlock(&l->lock);
    return answered;
}

void sftp_call_done(struct sftp_call *call)
{
    free(call->body);
    call->body = NULL;
}

void sftp_link_discard(struct sftp_link *l, struct sftp_call *call)
{
    struct err unused;

    if (sftp_link_wait(l, call, &unused) == 0)
        sftp_call_done(call);
}

static void *keep(void *arg)
{
    struct sftp_link *l = arg;
    struct pollfd p = {.fd = l->stop, .events = POLLIN};
    int next;

    while (poll(&p, 1, KEEPER_MS) <= 0) {
        (void)pthread_mutex_lock(&l->lock);
        if (!l->attended && !l->failed) {
            (void)step(l);
            if (l->stuck == FREE && !l->failed)
                (void)libssh2_keepalive_send(l->ssh.session, &next);
        }
        (void)pthread_mutex_unlock(&l->lock);
    }
    return NULL;
}

static void note_extension(struct sftp_link *l, const char *name, const char *data)
{
    l->extensions.fsync |= strcmp(name, "fsync@openssh.com") == 0 && strcmp(data, "1") == 0;
    l->extensions.posix_rename |=
        strcmp(name, "posix-rename@openssh.com") == 0 && strcmp(data, "1") == 0;
    l->extensions.statvfs |= strcmp(name, "statvfs@openssh.com") == 0 && strcmp(data, "2") == 0;
}

/* VERSION: its number stands where answers have the request's, then pairs of names and data. */
static int read_version(struct sftp_link *l, const struct sftp_call *call, struct err *e)
{
    struct sftp_reader r = {.at = call->body, .left = call->len};

    if (call->type != FXP_VERSION)
        return err_set(e, ERR_UNAVAILABLE, "%s: the server speaks no SFTP of version 3", l->place);
    while (r.left > 0 && !r.bad) {
        size_t name_len, data_len;
        const char *name = (const char *)sftp_read_bytes(&r, &name_len);
        const char *data = (const char *)sftp_read_bytes(&r, &data_len);
        _cleanup_free_ char *name_text = mem_strndup(name, name_len);
        _cleanup_free_ char *data_text = mem_strndup(data, data_len);
        if (!r.bad)
            note_extension(l, name_text, data_text);
    }
    const char *banner = libssh2_session_banner_get(l->ssh.session);
    l->extensions.openssh = banner != NULL && strstr(banner, "OpenSSH") != NULL;
    return 0;
}

int sftp_link_open(const struct sftp_options *o, const char *place, struct sftp_link **ret,
                   struct err *e)
{
    struct sftp_ssh ssh;
    struct sftp_call version;

    if (sftp_ssh_open(o, place, &ssh, e) < 0)
        return -1;
    struct sftp_link *l = mem_alloc(sizeof(*l));
    *l = (struct sftp_link){.place = mem_strdup(place),
                            .ssh = ssh,
                            .refs = 1,
                            .heard = clock_mono(),
                            .stop_when = o->waiter.stop,
                            .stop_arg = o->waiter.arg};
    l->out_end = &l->out;
    l->calls_end = &l->calls;
    l->chunk = mem_alloc(CHUNK);
    if (pthread_mutex_init(&l->lock, NULL) != 0 || pthread_cond_init(&l->changed, NULL) != 0)
        abort(); /* memory, as in mem.h */
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->stop = eventfd(0, EFD_CLOEXEC);
    libssh2_session_set_blocking(ssh.session, 0);
    int rc = -1;
    if (l->wake < 0 || l->stop < 0) {
        (void)err_sys(e, ERR_IO, errno, "%s: eventfd", place);
    } else {
        /* The answer has the version where others have the request's number: ask under that one. */
        l->next_id = VERSION_3;
        sftp_link_send(l, sftp_frame_new(FXP_INIT, ""), &version);
        rc = sftp_link_wait(l, &version, e);
        if (rc == 0)
            rc = read_version(l, &version, e);
        sftp_call_done(&version);
    }
    if (rc < 0) {
        sftp_link_unref(l);
        return -1;
    }
    l->kept =
        pthread_create(&l->keeper, NULL, keep, l) == 0; /* without one only idleness is worse */
    *ret = l;
    return 0;
}

void sftp_link_stop_when(struct sftp_link *l, store_stop_cb *stop, void *arg)
{
    (void)pthread_mutex_lock(&l->lock);
    l->stop_when = stop;
    l->stop_arg = arg;
    (void)pthread_mutex_unlock(&l->lock);
}

struct sftp_link *sftp_link_ref(struct sftp_link *l)
{
    (void)pthread_mutex_lock(&l->lock);
    l->refs++;
    (void)pthread_mutex_unlock(&l->lock);
    return l;
}

void sftp_link_unref(struct sftp_link *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    bool last = --l->refs == 0;
    (void)pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    if (l->calls != NULL &&
        !l->failed) { /* forgotten ones; a server that goes may forget them too */
        (void)pthread_mutex_lock(&l->lock);
        attend(l, NULL);
        (void)pthread_mutex_unlock(&l->lock);
    }
    if (l->kept && eventfd_write(l->stop, 1) == 0)
        (void)pthread_join(l->keeper, NULL);
    while (l->calls != NULL) { /* of a link that failed */
        struct sftp_call *c = l->calls;
        l->calls = c->next;
        free(c);
    }
    while (l->out != NULL) {
        struct sftp_frame *f = l->out;
        l->out = f->next;
        free(f);
    }
    sftp_ssh_close(&l->ssh);
    fs_closep(&l->wake);
    fs_closep(&l->stop);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->in);
    free(l->chunk);
    free(l->place);
    free(l);
}

bool sftp_link_has_failed(struct sftp_link *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool failed = l->failed;
    (void)pthread_mutex_unlock(&l->lock);
    return failed;
}

const struct sftp_extensions *sftp_link_extensions(const struct sftp_link *l)
{
    return &l->extensions;
}

const char *sftp_link_place(const struct sftp_link *l)
{
    return l->place;
}
