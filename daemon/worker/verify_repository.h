/* verify_repository.h — the verify verb at a repository: its structure, and with `data` every byte. */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"
#include "lib/repository/check.h"

struct verify_repository {
    const char *job, *id; /* one set; NULL: all, and all else that lies there */
    bool data;
    const struct check_range *range; /* of the data; NULL: all of it */
    json_t *damaged;                 /* as worker_msg.h has it; appended to */
    uint64_t sets, bytes;            /* out */
    bool may_read;                   /* out: else no set was looked at, only names and digests */
};

/* Findings are no failure. ERR_NOT_FOUND: no such set. Blocks. */
int must_check verify_repository(struct worker *w, const struct destination *d,
                                 struct verify_repository *v, struct err *e);
