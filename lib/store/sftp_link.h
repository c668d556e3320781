/* sftp_link.h — one SSH connection with the sftp subsystem at its other end, and the requests that
 * are under way on it.
 *
 * libssh2 carries the bytes; the packets are our own, because its SFTP layer (as of 1.10) answers one
 * request of one thread at a time, does not say which extensions the server offers, and has no
 * posix-rename@openssh.com. Here any number of requests of any number of threads are under way at
 * once. A link that fails once stays failed (ERR_UNAVAILABLE, ERR_TIMEOUT); nothing is sent again.
 *
 * Every request that was sent is waited for before its memory goes, or was sent by
 * sftp_link_forget(). */
#pragma once

#include "lib/store/sftp.h"
#include "lib/store/sftp_packet.h"

struct sftp_link;

struct sftp_call {
    struct sftp_call *next; /* the link's */
    uint32_t id;
    bool done, forgotten;
    uint8_t type;  /* of the reply */
    size_t len;    /* of the reply's body, behind the request number */
    uint8_t *body; /* owned; freed by sftp_call_done() */
};

struct sftp_extensions {
    bool fsync, posix_rename, statvfs, openssh; /* openssh: the banner names OpenSSH */
};

/* Connects, checks the host's key, logs in, starts the subsystem. `place` (borrowed) is for messages. */
int must_check sftp_link_open(const struct sftp_options *o, const char *place,
                              struct sftp_link **ret, struct err *e);
struct sftp_link *sftp_link_ref(struct sftp_link *l);
void sftp_link_unref(struct sftp_link *l); /* the last one closes; NULL-safe */
/* Fail with ERR_CANCELLED while something is awaited and stop(arg) is true; NULL: never. */
void sftp_link_stop_when(struct sftp_link *l, store_stop_cb *stop, void *arg);
bool sftp_link_has_failed(struct sftp_link *l);
const struct sftp_extensions *sftp_link_extensions(const struct sftp_link *l);
const char *sftp_link_place(const struct sftp_link *l);

/* Takes the frame. Does not wait for the answer. */
void sftp_link_send(struct sftp_link *l, struct sftp_frame *f, struct sftp_call *call);
void sftp_link_forget(struct sftp_link *l, struct sftp_frame *f); /* nobody waits for the answer */
/* Waits for the answer. -1: the link has failed. */
int must_check sftp_link_wait(struct sftp_link *l, struct sftp_call *call, struct err *e);
/* Waits, and frees the answer, whatever it is. */
void sftp_link_discard(struct sftp_link *l, struct sftp_call *call);
bool sftp_link_is_answered(struct sftp_link *l, const struct sftp_call *call); /* does not block */
void sftp_call_done(struct sftp_call *call);                                   /* frees the reply */
