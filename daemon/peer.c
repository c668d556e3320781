#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/mem.h"

int peer_read(int fd, struct role_peer *ret)
{
    struct ucred cred;
    socklen_t len = sizeof(cred), size = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return -1;
    /* asked with no room, the kernel says how much it takes */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) != 0 && errno != ERANGE)
        size = 0;
    gid_t *groups = mem_alloc(size);
    if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        size = 0;
    *ret = (struct role_peer){
        .uid = cred.uid, .gid = cred.gid, .groups = groups, .group_count = size / sizeof(gid_t)};
    return 0;
}

void peer_deinit(struct role_peer *p)
{
    free((gid_t *)p->groups);
    *p = (struct role_peer){0};
}
