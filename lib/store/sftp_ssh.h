/* sftp_ssh.h — from a host's name to a logged-in SSH session with a channel. Blocks. */
#pragma once

#include <libssh2.h>
#include <netdb.h>

#include "lib/store/sftp.h"

struct sftp_ssh {
    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel; /* the sftp subsystem listens on it; nothing was sent yet */
};

enum { SFTP_ANSWER_MS = 60 * 1000 }; /* no byte for so long: the server is gone */

/* On failure nothing is left open. */
int must_check sftp_ssh_open(const struct sftp_options *o, const char *place, struct sftp_ssh *ret,
                             struct err *e);
void sftp_ssh_close(struct sftp_ssh *s);

/* The addresses of the host, to be freed by freeaddrinfo(). ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CANCELLED. */
int must_check sftp_find_host(const struct sftp_options *o, struct store_wait *wait,
                              const char *place, int64_t deadline_us, struct addrinfo **ret,
                              struct err *e);

/* Is the host's key the one that the file has for it? An unknown host is ERR_CONFIG, a changed or
 * revoked key ERR_REFUSED. */
int must_check sftp_known_host_check(LIBSSH2_SESSION *session, const struct sftp_options *o,
                                     const char *place, struct err *e);
/* Ask the server for a kind of key that the file has, so that it can be compared. Before the handshake. */
int must_check sftp_known_host_prefer(LIBSSH2_SESSION *session, const struct sftp_options *o,
                                      const char *place, struct err *e);
/* By key or agent. ERR_KEY, ERR_DENIED. */
int must_check sftp_login(LIBSSH2_SESSION *session, const struct sftp_options *o, const char *place,
                          struct err *e);
/* ": what libssh2 says of the last failure", printable; owned. */
char *sftp_ssh_reason(LIBSSH2_SESSION *session);
