/* set_to_repository.h — a set of the plain format, or of another repository, as one of a repository. For
 * copy. */
#pragma once

#include "daemon/worker/repo_commit.h"
#include "daemon/worker/set_reader.h"

struct set_to_repository {
    struct set_reader *from;        /* all pointers are borrowed */
    const struct destination *to;   /* claimed */
    const struct marks *marks;      /* what was said of the set since */
    artifact_progress_cb *progress; /* bytes of the source read so far */
    void *arg;
    uint64_t sent;    /* out: bytes that the repository grew by; 0: it was there */
    struct repo repo; /* out: opened there; repo_close, also after a failure */
};

/* ERR_EXISTS: another set has its id there. Nothing is committed on failure. Blocks. */
int must_check set_to_repository(struct worker *w, struct set_to_repository *p, struct err *e);
