#include "lib/protocol/role.h"

const char *role_word(enum role role)
{
    static const char *const words[] = {[ROLE_NONE] = "none",
                                        [ROLE_VIEW] = "view",
                                        [ROLE_OPERATE] = "operate",
                                        [ROLE_RESTORE] = "restore",
                                        [ROLE_ADMIN] = "admin"};

    return words[role];
}

static bool fits(const struct role_entry *entry, const struct role_peer *peer)
{
    if (!entry->is_group)
        return entry->id == peer->uid;
    if (entry->id == peer->gid)
        return true;
    for (size_t i = 0; i < peer->group_count; i++)
        if (entry->id == peer->groups[i])
            return true;
    return false;
}

enum role role_judge(const struct role_table *t, uid_t own_uid, const struct role_peer *peer)
{
    enum role best = ROLE_NONE;

    if (peer->uid == 0 || peer->uid == own_uid)
        return ROLE_ADMIN;
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].role > best && fits(&t->entries[i], peer))
            best = t->entries[i].role;
    return best;
}
