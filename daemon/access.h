/* access.h — who may do what on the control socket: names from [access] made into ids, and the role
 * of a peer. Default deny; root and our own uid are admin. */
#pragma once

#include <sys/types.h>

#include "lib/config/config.h"
#include "lib/protocol/control_msg.h"

struct access_ids;

/* Looks up users and groups: blocking (name services). Unknown names grant nothing to anybody;
 * numbers are taken as they are. */
struct access_ids *access_resolve(const struct access *a);
void access_free(struct access_ids *ids);
/* The first name that nobody has, or NULL. */
const char *access_unknown(const struct access_ids *ids);

struct peer {
    uid_t uid;
    gid_t *groups; /* owned */
    size_t group_count;
};
/* Of a connected Unix socket (SO_PEERCRED, SO_PEERGROUPS). -1: it cannot be told. */
int access_read_peer(int fd, struct peer *ret);
enum role access_role(const struct access_ids *ids, const struct peer *peer);
