/* tree_attrs.h — the extended attributes of an open file as names and bytes. POSIX ACLs are among
 * them as the kernel shows them: system.posix_acl_access and system.posix_acl_default. */
#pragma once

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum { TREE_ATTRS_MAX = 16 << 20 }; /* bytes of names and values of one file */

struct tree_attr {
    const char *name;
    const void *value;
    size_t len;
};

struct tree_attrs {          /* zero is empty; may be read into again and again */
    struct tree_attr *items; /* owned; in ascending byte order of names */
    size_t count, room;
    struct buf bytes; /* what the items point to */
};

/* Replace *ret by what fd has. A file system without attributes has none; what the list shows but
 * only others may read (trusted.*) is left out. ERR_IO, ERR_LIMIT: *ret is empty. */
int must_check tree_attrs_read(int fd, struct tree_attrs *ret, struct err *e);
/* Attributes that come from elsewhere: clear, add each (ERR_LIMIT), finish. Copied. */
void tree_attrs_clear(struct tree_attrs *a);
int must_check tree_attrs_add(struct tree_attrs *a, const char *name, const void *value, size_t len,
                              struct err *e);
void tree_attrs_finish(struct tree_attrs *a);
void tree_attrs_deinit(struct tree_attrs *a);
