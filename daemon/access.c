#include "daemon/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

enum { LOOKUP_BYTES = 64 << 10 };

struct grant {
    enum role role;
    bool group;
    id_t id;
};

struct access_ids {
    struct grant *grants;
    size_t count;
    char *unknown;
};

static int look_up(const char *name, bool group, id_t *ret)
{
    _cleanup_free_ char *memory = mem_alloc(LOOKUP_BYTES);
    struct passwd pw, *user = NULL;
    struct group gr, *found = NULL;
    int64_t number;

    if (str_to_i64(name, 0, UINT32_MAX - 1, &number, NULL) == 0) {
        *ret = (id_t)number;
        return 0;
    }
    if (group) {
        if (getgrnam_r(name, &gr, memory, LOOKUP_BYTES, &found) != 0 || found == NULL)
            return -1;
        *ret = found->gr_gid;
        return 0;
    }
    if (getpwnam_r(name, &pw, memory, LOOKUP_BYTES, &user) != 0 || user == NULL)
        return -1;
    *ret = user->pw_uid;
    return 0;
}

static void add(struct access_ids *ids, const struct strlist *names, enum role role)
{
    for (size_t i = 0; i < names->count; i++) {
        bool group = names->items[i][0] == '@';
        struct grant grant = {.role = role, .group = group};
        if (look_up(names->items[i] + group, group, &grant.id) < 0) {
            if (ids->unknown == NULL)
                ids->unknown = mem_strdup(names->items[i]);
            continue;
        }
        ids->grants = mem_resize_array(ids->grants, ids->count + 1, sizeof(*ids->grants));
        ids->grants[ids->count++] = grant;
    }
}

struct access_ids *access_resolve(const struct access *a)
{
    struct access_ids *ids = mem_alloc(sizeof(*ids));

    add(ids, &a->view, ROLE_VIEW);
    add(ids, &a->operate, ROLE_OPERATE);
    add(ids, &a->restore, ROLE_RESTORE);
    add(ids, &a->admin, ROLE_ADMIN);
    return ids;
}

void access_free(struct access_ids *ids)
{
    if (ids == NULL)
        return;
    free(ids->grants);
    free(ids->unknown);
    free(ids);
}

const char *access_unknown(const struct access_ids *ids)
{
    return ids->unknown;
}

int access_read_peer(int fd, struct peer *ret)
{
    struct ucred cred;
    socklen_t len = sizeof(cred), size = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return -1;
    /* asked with no room, the kernel says how much it takes */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) != 0 && errno != ERANGE)
        size = 0;
    gid_t *groups = mem_alloc(size + sizeof(gid_t));
    if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        size = 0;
    size_t count = size / sizeof(gid_t);
    groups[count++] = cred.gid;
    *ret = (struct peer){.uid = cred.uid, .groups = groups, .group_count = count};
    return 0;
}

static bool applies(const struct grant *g, const struct peer *peer)
{
    if (!g->group)
        return g->id == peer->uid;
    for (size_t i = 0; i < peer->group_count; i++)
        if (g->id == peer->groups[i])
            return true;
    return false;
}

enum role access_role(const struct access_ids *ids, const struct peer *peer)
{
    enum role role = ROLE_NONE;

    if (peer->uid == 0 || peer->uid == geteuid())
        return ROLE_ADMIN;
    for (size_t i = 0; i < ids->count; i++)
        if (ids->grants[i].role > role && applies(&ids->grants[i], peer))
            role = ids->grants[i].role;
    return role;
}
