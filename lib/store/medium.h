/* medium.h — the file system below a directory store, as far as it promises less than a local one.
 * Nothing fails for what it lacks (directory.h); what that means is said by `synbakctl doctor`. */
#pragma once

#include "lib/store/store.h"

struct medium {
    const char *name;    /* "NFS" */
    const char *meaning; /* a sentence: what fsync and rename mean there */
    const char *advice;  /* what to do */
    const char *modes;   /* how the mount sets the modes of files, where chmod does not; or NULL */
};

/* NULL: a local file system, or no directory, or it cannot be told. Static. */
const struct medium *store_medium(const struct store *s);
