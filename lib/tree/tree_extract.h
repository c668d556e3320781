/* tree_extract.h — bring a tar stream back as files, as root safe against a hostile archive.
 *
 * Everything is made below one open folder: parents by openat2 (beneath it, through no link),
 * files O_EXCL|O_NOFOLLOW, symbolic links last, hard links only to files of this archive, owners
 * before permissions, folders' permissions and times after all else. The folder must be empty and
 * is ours alone (0700) until the end. A later member of the same name replaces the earlier one.
 * When it returns 0, all of it is durable. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/tree/tree_untar.h"

struct tree_extract_spec {
    int root;        /* the folder; borrowed */
    bool privileged; /* root: owners, devices, set-user-ID bits and such attributes come back */
    tree_source *source;
    void *source_arg;
    /* May be NULL. -1 with *e ends it. */
    int (*progress)(void *arg, const char *path, uint64_t bytes, struct err *e);
    /* May be NULL. What could not be brought back as it was; at most 20 texts. */
    void (*note)(void *arg, const char *text);
    /* May be NULL. Is the content of this file here already, whatever the stream holds for it? 0: yes, it was moved to
     * `name` in the folder, and *ret_inode is it; 1: no. Its data in the stream, if there is any, is passed over. */
    int (*take)(void *arg, const char *path, int folder, const char *name, ino_t *ret_inode,
                struct err *e);
    void *arg; /* of all three */
};

struct tree_extract_result {
    uint64_t files, folders, bytes;
};

/* ERR_FORMAT names the member that is refused; ERR_NO_SPACE, ERR_IO. What was made so far stays
 * behind for the caller to remove. Blocks. */
int must_check tree_extract(const struct tree_extract_spec *spec, struct tree_extract_result *ret,
                            struct err *e);
