/* channel.h — receiving frames with a timeout, and without going deaf to Ctrl-C.
 *
 * Used for the daemon's socket and the worker's. While an interrupt is open SIGINT and SIGTERM come
 * as a return value instead of ending the process. */
#pragma once

#include "lib/protocol/frame.h"

struct interrupt {
    int fd; /* signalfd; -1: closed */
};

/* SIGINT and SIGTERM become readable on fd; SIGHUP and SIGPIPE are ignored from now on, because
 * what was begun is to be finished though the terminal is gone. For the rest of the process. */
int must_check interrupt_open(struct interrupt *ret, struct err *e);
void interrupt_close(struct interrupt *i);
/* Sleep, but at most until a signal comes: true then. */
bool interrupt_wait(const struct interrupt *i, int timeout_ms);

struct channel {
    int fd;
    struct frame_decoder in;
};

enum { CHANNEL_OBJECT, CHANNEL_END, CHANNEL_INTERRUPTED, CHANNEL_TIMEOUT };

void channel_init(struct channel *c, int fd, size_t max); /* takes fd */
void channel_deinit(struct channel *c);
/* CHANNEL_OBJECT with *ret (new reference), or one of the other three, or -1 with *e. `i` may be
 * NULL; timeout_ms -1: none. */
int must_check channel_receive(struct channel *c, const struct interrupt *i, int timeout_ms,
                               json_t **ret, struct err *e);
