/* sftp.h — a store below a folder of an SSH server (SFTP version 3, draft-ietf-secsh-filexfer-02),
 * over libssh2.
 *
 * As in a directory, an object is written under a temporary name, made durable by
 * fsync@openssh.com where the server has it, read back, and renamed. The plain rename of version 3 fails
 * if the name exists, which is what immutable objects need. */
#pragma once

#include "lib/base/secret.h"
#include "lib/store/rate.h"
#include "lib/store/store.h"
#include "lib/store/waiter.h"

struct sftp_options {
    const char *host;
    int port; /* 22 */
    const char *user;
    const char *path;         /* absolute on the server, or relative to the login folder */
    const struct secret *key; /* a private key in OpenSSH or PEM form, many lines; NULL: agent */
    const struct secret *passphrase;     /* of the key, or NULL */
    const char *known_hosts;             /* file; a host that is not in it is refused */
    int parallel;                        /* reads in flight, 1..16 */
    const struct rate_plan *upload_rate; /* borrowed; NULL: as fast as it goes */
    struct store_waiter waiter;
};

/* Connects, checks the host's key, logs in: at most 30 s to connect and 2 min in all; as waiter.h says
 * where a person waits, and 30 s in all. create: make the folder (mode 0700) when it is not
 * there, else ERR_NOT_FOUND. Strings are copied. */
int must_check store_open_sftp(const struct sftp_options *o, bool create, struct store **ret,
                               struct err *e);
/* Does the server offer fsync@openssh.com? Without it a commit is only as durable as the server
 * makes it, and store_readback() says "store-checked". */
bool sftp_has_fsync(const struct store *s);
