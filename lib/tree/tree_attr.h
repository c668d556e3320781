/* tree_attr.h — extended attributes and POSIX ACLs to and from an archive entry. */
#pragma once

#include <archive_entry.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/tree/tree_attrs.h"

/* Add the attributes to the entry, ACLs as such. */
void tree_attr_to_entry(const struct tree_attrs *attrs, struct archive_entry *entry);

/* The same back: *ret as tree_attrs_read gives it for a file that has them. ERR_FORMAT, ERR_LIMIT. */
int must_check tree_attr_from_entry(struct archive_entry *entry, struct tree_attrs *ret,
                                    struct err *e);

/* Put the entry's attributes and ACLs on fd. privileged: also those that give rights
 * (security.*, trusted.*). What the file system or the rights do not allow is added to `lost`
 * by its name; the mode must have been set before. */
void tree_attr_apply(int fd, struct archive_entry *entry, bool privileged, struct strlist *lost);

/* Take the attributes and ACLs off, as far as they can be. */
void tree_attr_clear(int fd);

/* Names and numbers of owners. Numbers of names known here win, as with tar, so that a tree comes
 * back to the same user on another machine. The cache belongs to the caller; zero is empty. */
enum { TREE_ID_SLOTS = 32 };
struct tree_ids {
    struct tree_id {
        char name[64]; /* "": no such name or number here */
        int64_t number;
        bool used;
    } users[TREE_ID_SLOTS], groups[TREE_ID_SLOTS];
};
const char *tree_ids_user_name(struct tree_ids *ids, uid_t uid); /* NULL: none */
const char *tree_ids_group_name(struct tree_ids *ids, gid_t gid);
uid_t tree_ids_user(struct tree_ids *ids, const char *name, int64_t number);
gid_t tree_ids_group(struct tree_ids *ids, const char *name, int64_t number);
