/* role.h — who may do what: the lists of [access] against the peer of a connection.
 *
 * The names are looked up once, when a configuration is loaded (role_table_create, which may ask
 * name services and block); judging a peer is pure arithmetic on ids, fit for the event loop. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/config/config.h"
#include "lib/protocol/control_msg.h"

const char *role_word(enum role role); /* "none", "view" ... "admin" */

struct role_entry {
    enum role role;
    bool is_group;
    unsigned id; /* uid or gid */
};

struct role_table {
    struct role_entry *entries; /* owned */
    size_t count;
};

/* Look up the names; a number is an id as it stands. One that does not exist grants nothing and is
 * added to `unknown` (may be NULL) as "[access] view: no user \"x\"": a user removed from the
 * system must not stop the daemon. -1: the lookup itself failed, so that it cannot be said. Blocks.
 */
int must_check role_table_create(const struct access *access, struct role_table *ret,
                                 struct strlist *unknown, struct err *e);
void role_table_deinit(struct role_table *t);

struct role_peer {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary, as SO_PEERGROUPS gives them */
    size_t group_count;
};

/* The highest role of any entry that fits. Root and own_uid are ROLE_ADMIN; nobody else is
 * anything but by an entry. Pure. */
enum role role_judge(const struct role_table *t, uid_t own_uid, const struct role_peer *peer);
