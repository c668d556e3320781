/* tree_present.h — a regular file below a folder that others may write to, opened for reading and compared with
 * what a backup has.
 *
 * Hostile until looked at: it is reached beneath the folder, through no link and no mount point, and what is no
 * regular file is never opened, whatever it is exchanged for meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/tree/tree_attr.h"
#include "lib/tree/tree_member.h"

/* path: cleaned. A descriptor for reading, or -1: no regular file is there, or not one that we may read. */
int must_check tree_present_open(int root, const char *path, struct stat *ret);
/* What is there, without opening it. false: no regular file. */
bool tree_present_stat(int root, const char *path, struct stat *ret);
/* Exactly len bytes at the offset. false: there are none such. Not a byte is changed, its atime may be. */
bool tree_present_read(int fd, uint64_t offset, void *data, size_t len);

/* Nothing of it has changed since st. */
bool tree_present_unchanged(int fd, const struct stat *st);
/* Size, permissions, owner, modification time and attributes of an open file are those that a restore would give
 * it. names: how many the file has in the backup. Without privileges a file may also be ours. Where it lies on the
 * disk, and its holes, do not matter. */
bool tree_present_same(int fd, const struct stat *st, const struct tree_member *want, size_t names,
                       bool privileged, struct tree_ids *ids);
