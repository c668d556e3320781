/* mirror.h — replicas of a repository: what one lacks comes from another, what is damaged at one is mended
 * from another that has it whole.
 *
 * Objects named by a digest are compared with it before they count. Nothing is deleted but key slots that
 * the pruner's log says were removed. Blocks. */
#pragma once

#include "lib/repository/repository.h"

struct mirror_spec {
    const struct repository
        *from;        /* opened, so its logs were checked: what they say then is brought */
    struct store *to; /* borrowed: this repository, behind or not, or none yet */
    void *arg;        /* of progress, which may be NULL; -1 with *e ends it */
    int (*progress)(void *arg, uint64_t bytes, uint64_t total, struct err *e);
};
struct mirror_result {
    uint64_t objects, bytes; /* brought */
};
/* Keys, packs, index segments, trash lists, then the logs: a set shows at `to` once all it needs is there.
 * What is on trash at `from` stays away. Broken off anywhere it can be done again. 1: `to` is ahead: it has
 * sets that `from` lacks, the other way round is what is wanted. ERR_FOREIGN: another repository is there;
 * ERR_TAMPERED: both logs go on differently; ERR_DAMAGED names an object at `from`. */
int must_check mirror_bring(const struct mirror_spec *spec, struct mirror_result *ret,
                            struct err *e);

/* One object brought: as it is, or compared with the digest in its name. 1: it was there already.
 * ERR_NOT_FOUND: `from` has none; ERR_DAMAGED: what it has is not what its name says. */
enum mirror_how { MIRROR_IF_MISSING, MIRROR_REPLACE };
int must_check mirror_object(struct store *from, struct store *to, const char *name,
                             enum mirror_how how, uint64_t *ret_bytes, struct err *e);
/* One object of `to` made whole from the first of `from` that has it so. ERR_NOT_FOUND: none has, and why not
 * in each case. */
int must_check mirror_repair(struct store *to, struct store *const *from, size_t from_count,
                             const char *name, struct err *e);
/* For a replica that cannot be opened: its keys, logs and repository.json, as far as `from` has them, each made
 * the same as there. What `to` has besides stays. ERR_FOREIGN: another repository is there. */
int must_check mirror_mend(const struct repository *from, struct store *to,
                           struct strlist *ret_mended, struct err *e);
