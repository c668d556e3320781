#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "lib/tree/tree_attr.h"

enum { NSS_BUFFER = 16384 };

static bool look_up_user(struct tree_id *id, bool by_name)
{
    struct passwd pw, *found = NULL;
    char buffer[NSS_BUFFER];

    if (by_name ? getpwnam_r(id->name, &pw, buffer, sizeof(buffer), &found) != 0
                : getpwuid_r((uid_t)id->number, &pw, buffer, sizeof(buffer), &found) != 0)
        return false;
    if (found == NULL || strlen(pw.pw_name) >= sizeof(id->name))
        return false;
    id->number = (int64_t)pw.pw_uid;
    (void)snprintf(id->name, sizeof(id->name), "%s", pw.pw_name);
    return true;
}

static bool look_up_group(struct tree_id *id, bool by_name)
{
    struct group gr, *found = NULL;
    char buffer[NSS_BUFFER];

    if (by_name ? getgrnam_r(id->name, &gr, buffer, sizeof(buffer), &found) != 0
                : getgrgid_r((gid_t)id->number, &gr, buffer, sizeof(buffer), &found) != 0)
        return false;
    if (found == NULL || strlen(gr.gr_name) >= sizeof(id->name))
        return false;
    id->number = (int64_t)gr.gr_gid;
    (void)snprintf(id->name, sizeof(id->name), "%s", gr.gr_name);
    return true;
}

typedef bool look_up(struct tree_id *id, bool by_name);

static const char *name_of(struct tree_id *slots, int64_t number, look_up *find)
{
    struct tree_id *id = &slots[(uint64_t)number % TREE_ID_SLOTS];

    if (!id->used || id->number != number) {
        *id = (struct tree_id){.number = number, .used = true};
        if (!find(id, false))
            id->name[0] = '\0';
    }
    return id->name[0] == '\0' ? NULL : id->name;
}

static size_t slot_of(const char *name)
{
    size_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash % TREE_ID_SLOTS;
}

/* A cached answer is "name has number"; -1: this machine does not know the name. */
static int64_t number_of(struct tree_id *slots, const char *name, int64_t number, look_up *find)
{
    if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(slots->name))
        return number;
    struct tree_id *id = &slots[slot_of(name)];
    if (!id->used || strcmp(id->name, name) != 0) {
        *id = (struct tree_id){.used = true};
        (void)snprintf(id->name, sizeof(id->name), "%s", name);
        if (!find(id, true))
            id->number = -1;
    }
    return id->number < 0 ? number : id->number;
}

const char *tree_ids_user_name(struct tree_ids *ids, uid_t uid)
{
    return name_of(ids->users, (int64_t)uid, look_up_user);
}

const char *tree_ids_group_name(struct tree_ids *ids, gid_t gid)
{
    return name_of(ids->groups, (int64_t)gid, look_up_group);
}

uid_t tree_ids_user(struct tree_ids *ids, const char *name, int64_t number)
{
    return (uid_t)number_of(ids->users, name, number, look_up_user);
}

gid_t tree_ids_group(struct tree_ids *ids, const char *name, int64_t number)
{
    return (gid_t)number_of(ids->groups, name, number, look_up_group);
}
