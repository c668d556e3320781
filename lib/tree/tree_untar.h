/* tree_untar.h — read a tar stream member by member, as something that may be hostile.
 *
 * Names come out cleaned: relative, without "." parts and doubled slashes; "" is the root. A
 * member whose name is empty, absolute, leads upwards or cannot be a name ends the reading with
 * ERR_FORMAT that names it. Bytes of names are never translated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/err.h"

struct archive_entry;
struct tree_untar;

/* Plain bytes in order; *ret_len 0 is the end. As artifact_read with its reader for arg. */
typedef int tree_source(void *arg, void *data, size_t len, size_t *ret_len, struct err *e);

struct tree_untar_member { /* all borrowed until the next call */
    const char *path;
    const char *symlink;  /* target, or NULL */
    const char *hardlink; /* cleaned path of the earlier member, or NULL */
    mode_t mode;          /* type and permissions */
    int64_t size;
    int64_t mtime_s;
    long mtime_ns;
    struct archive_entry *entry; /* attributes, ACLs, owners, device numbers */
};

int must_check tree_untar_open(struct tree_untar **ret, tree_source *source, void *arg,
                               struct err *e);
/* 0: a member. 1: the end; the source was read to its own end too, so a verifying source has
 * verified everything. ERR_FORMAT: not a tar, or a member that is refused. */
int must_check tree_untar_next(struct tree_untar *u, struct tree_untar_member *ret, struct err *e);
/* A run of the member's data (borrowed until the next call); what lies between runs is a hole.
 * 1: no more. */
int must_check tree_untar_data(struct tree_untar *u, const void **ret, size_t *ret_len,
                               int64_t *ret_offset, struct err *e);
void tree_untar_free(struct tree_untar *u); /* NULL-safe */

/* The name cleaned, owned, in *ret; `what` for the message: "member". */
int must_check tree_path_clean(const char *raw, const char *what, char **ret, struct err *e);
