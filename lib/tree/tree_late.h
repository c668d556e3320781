/* tree_late.h — metadata of extracted members, and what must wait for the end of an extraction:
 * symbolic links (nothing may be written through one) and the permissions and times of folders
 * (later members still go into them). Private to tree_extract.c. */
#pragma once

#include "lib/tree/tree_attr.h"
#include "lib/tree/tree_extract.h"
#include "lib/tree/tree_place.h"

struct tree_meta {
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    struct archive_entry *attributes; /* NULL: none */
};

struct tree_late {
    const struct tree_extract_spec *spec; /* borrowed */
    struct tree_ids ids;
    int notes;
    bool told_owner;
    struct late_folder {
        char *path;    /* owned; "" is the root */
        size_t number; /* in the order of the archive */
        struct tree_meta meta;
    } * folders;
    size_t folder_count, folder_cap;
    struct late_link {
        char *path, *target; /* owned; target NULL: replaced by a later member */
        ino_t placeholder;
        struct tree_meta meta;
    } * links;
    size_t link_count, link_cap;
};

void tree_late_deinit(struct tree_late *l);
void tree_late_note(struct tree_late *l, const char *path, const char *fmt, ...) printf_like(3, 4);

/* What of the member's metadata is to come back; says what is not. attributes is borrowed. */
struct tree_meta tree_late_meta(struct tree_late *l, const struct tree_untar_member *m);
/* Put it on an open file or folder. */
int must_check tree_late_apply(struct tree_late *l, int fd, const char *path,
                               const struct tree_meta *meta, struct err *e);
/* Put owner and times on something that must not be opened. */
int must_check tree_late_apply_name(struct tree_late *l, int fd, const char *name,
                                    const struct tree_meta *meta, struct err *e);

void tree_late_add_folder(struct tree_late *l, const char *path, const struct tree_meta *meta);
void tree_late_add_link(struct tree_late *l, const char *path, const char *target,
                        ino_t placeholder, const struct tree_meta *meta);
void tree_late_drop_link(struct tree_late *l, const char *path); /* a later member took its name */
bool tree_late_is_link(const struct tree_late *l, const char *path);
/* Links, then folders from the deepest up. */
int must_check tree_late_finish(struct tree_late *l, struct tree_place *place, struct err *e);
