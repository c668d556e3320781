/* set_source.h — where a set is read from: a destination, the folder of one set, or an exported
 * tar file, all behind the one interface of a (read-only) store.
 *
 * A folder or a file holds one set under any name; it is shown as JOB/ID/..., with job and id from
 * its manifest, which the caller verifies like any other (keyring.h). Puts and deletes fail. */
#pragma once

#include "lib/store/store.h"

struct set_source {
    struct store *store; /* owned; set_source_close */
    char job[64], id[32];
};

/* `path`: the folder of a set or a tar file that holds one. ERR_NOT_FOUND, ERR_FORMAT when it is
 * neither. Reads the headers of a tar file once, bounded; blocks. */
int must_check set_source_open(const char *path, struct set_source *ret, struct err *e);
void set_source_close(struct set_source *s); /* NULL-safe on its members */
