/* tree_tar.h — members of a tree as a POSIX pax stream, byte for byte: names of any bytes, times to
 * the nanosecond, extended attributes, ACLs, holes.
 *
 * Stock tar, bsdtar and Python read it. Names that are not UTF-8 carry hdrcharset=BINARY. */
#pragma once

#include "lib/base/err.h"
#include "lib/tree/tree_member.h"

typedef int tree_sink(void *arg, const void *data, size_t len, struct err *e);

struct tree_tar;
int must_check tree_tar_open(struct tree_tar **ret, tree_sink *sink, void *arg, struct err *e);
/* Begin a member, which must not be a known one. Then exactly st_size bytes by tree_tar_data,
 * zeros for holes included. */
int must_check tree_tar_member(struct tree_tar *t, const struct tree_member *m, struct err *e);
int must_check tree_tar_data(struct tree_tar *t, const void *data, size_t len, struct err *e);
/* The end of the archive. The stream is whole only when this returned 0. */
int must_check tree_tar_finish(struct tree_tar *t, struct err *e);
void tree_tar_free(struct tree_tar *t); /* NULL-safe */
