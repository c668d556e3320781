/* tracking_changes.h — the file N.changes: what one transaction found. Private to tracking*.c.
 *
 *   "SYNBAKT1" | u32 length, JSON: number, id, started, compared | records | u8 0, u64 their number |
 *   SHA-256 of all before
 *
 * A record is u8 kind, u8 type, u32 length of the path, u64 size, u64 inode, i64 s and u32 ns of
 * mtime, the same of ctime, path. Little-endian. */
#pragma once

#include "lib/repository/tracking.h"

#define TRACKING_CHANGES_SUFFIX ".changes"

/* Compare two lists (old -1: there is none) and write what differs, durably but for the folder. Of
 * folders times do not count, because they change with what is in them. Also checks that `new` is
 * a whole list: ERR_DAMAGED. */
int must_check tracking_changes_write(int dirfd, const struct tracking_summary *s, int old, int new,
                                      struct err *e);
/* The same for two lists that are known to be the same. */
int must_check tracking_changes_write_none(int dirfd, const struct tracking_summary *s,
                                           struct err *e);
