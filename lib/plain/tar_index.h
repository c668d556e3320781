/* tar_index.h — where the regular files of an uncompressed tar file lie, so that they can be read
 * at random. libarchive reads archives forwards only, which is why this is read here.
 *
 * Knows ustar, pax (path, size) and GNU (long names, binary sizes) headers. Hostile input: bounded,
 * every checksum and size is checked. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct tar_entry {
    char *name; /* owned; a leading "./" is dropped */
    uint64_t offset, size;
};

struct tar_index {
    struct tar_entry *entries; /* owned, sorted by name */
    size_t count;
};

/* ERR_FORMAT: not a tar file. ERR_DAMAGED: it ends too early, or a name comes twice. */
int must_check tar_index_read(int fd, struct tar_index *ret, struct err *e);
const struct tar_entry *tar_index_find(const struct tar_index *t, const char *name);
void tar_index_deinit(struct tar_index *t);
