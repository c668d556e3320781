/* repo.h — the repository at a destination, opened for one piece of work. Shared by the verbs. */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"
#include "lib/plain/manifest.h"
#include "lib/repository/fetch.h"
#include "lib/repository/repository.h"

struct repo {          /* zero is closed */
    const char *place; /* name of the destination; borrowed */
    struct repository *repository;
    struct index *index;     /* NULL until asked for */
    struct fetcher *fetcher; /* likewise */
    struct worker *worker;   /* who asked for it; borrowed */
};

/* Who writes there: the installation that owns the destination, and this machine. */
struct repo_author {
    struct log_author who; /* borrows from host and from the destination */
    char host[256];
};
/* ERR_FORMAT when the destination has no owner. */
int must_check repo_author(const struct destination *d, struct repo_author *ret, struct err *e);

/* As repository_open, with the heads that are remembered. The destination is borrowed until
 * repo_close. Blocks. */
int must_check repo_open(const struct destination *d, struct repo *ret, struct err *e);
/* Where none is yet, it is made, unless sets of the plain format lie there (ERR_REFUSED). */
int must_check repo_open_or_create(const struct destination *d, struct repo *ret, struct err *e);
/* The index for reading; a damaged one is made again in memory, which is logged. Idempotent. */
int must_check repo_index(struct worker *w, struct repo *r, struct err *e);
/* The index for adding: what is on trash, or known as damaged, counts as absent. */
int must_check repo_index_for_adding(struct worker *w, struct repo *r, struct err *e);
/* The packs there that an earlier check found damaged. *ret owned (free). */
int must_check repo_damaged(const struct repo *r, struct pack_name **ret, size_t *ret_count,
                            struct err *e);
/* The index, and a fetcher over it. Idempotent. */
int must_check repo_fetcher(struct worker *w, struct repo *r, struct err *e);
/* Says what was found damaged and read from another copy. Safe on a closed one. */
void repo_close(struct repo *r);

/* Is there a slot for when the key is lost with this machine: a recovery code, or a passphrase? */
int must_check repo_has_recovery(const struct destination *d, bool *ret, struct err *e);
json_t *repo_heads(const struct repo *r); /* HEADS of worker_msg.h; new reference */
int repo_threads(void);                   /* for coding: 1 to 4 */

/* The manifest of a set, from its chunk; the fetcher must be open. */
int must_check repo_manifest(struct repo *r, const struct repository_set *set, struct manifest *ret,
                             struct err *e);
/* Lists as manifests have them. *ret owned (free). ERR_FORMAT. */
int must_check repo_list_parse(const struct strlist *list, struct chunk_ref **ret, struct err *e);
void repo_list_text(const struct chunk_ref *list, size_t count, struct strlist *ret);
