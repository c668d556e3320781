/* scan_repository.h — what a scan tells of a repository: the sets that its logs say are there. */
#pragma once

#include "daemon/worker/repo.h"

struct scan_repository {
    const struct strlist *jobs, *ids; /* empty: all */
    json_t *sets;                     /* {JOB: [SET]}; filled */
    json_t *heads;                    /* out: new reference; NULL: there is no repository yet */
    bool recovery_slot;               /* out: somebody can open it when the key is lost */
    bool may_read;                    /* out: the key may, and not only write */
    char id[33], slot[33];            /* out: of the repository, and the slot that the key opened */
};

/* ERR_TAMPERED: the logs are not those that were seen before. */
int must_check scan_repository(const struct destination *d, struct scan_repository *scan,
                               struct err *e);
/* A set as SET of worker_msg.h; new reference. */
json_t *scan_repository_set(const struct repository_set *set);
