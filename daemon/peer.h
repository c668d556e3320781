/* peer.h — who is at the other end of a Unix socket, as the kernel tells it (unix(7)). */
#pragma once

#include "lib/protocol/role.h"

/* SO_PEERCRED and SO_PEERGROUPS of a connected socket. -1: it cannot be told. */
int must_check peer_read(int fd, struct role_peer *ret);
void peer_deinit(struct role_peer *p);
