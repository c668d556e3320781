/* job.h — the shared pieces of worker jobs, built from the configuration (worker_msg.h). */
#pragma once

#include "lib/base/json.h"
#include "lib/config/config.h"

/* All that a worker must know to work at one destination and nobody else may. A text of NULL is a
 * secret that there is not: key = none, no session token, the agent's private key. */
struct job_secrets {
    struct secret key, *old_keys;
    size_t old_key_count;
    struct secret access_key, secret_key, session_token; /* s3 */
    struct secret private_key, passphrase;               /* sftp */
};

/* As secret_read, or secret_read_lines if `lines`. synbakctl finds a credential elsewhere than the
 * daemon does. */
typedef int job_read_secret(const struct secret_ref *ref, bool lines, struct secret *ret,
                            struct err *e);
int must_check job_read_secret_here(const struct secret_ref *ref, bool lines, struct secret *ret,
                                    struct err *e);

/* Read all secrets of a destination: blocking (file, credential or command). ERR_KEY naming the
 * destination; *ret is then empty. */
int must_check job_read_secrets(const struct destination *d, job_read_secret *read,
                                struct job_secrets *ret, struct err *e);
void job_secrets_deinit(struct job_secrets *s); /* wipes; safe on a zeroed one */

/* What a STORE says beside the destination itself. */
struct job_store_context {
    const char *owner;               /* HEX32; NULL: claims nothing */
    const char *known_id;            /* what the journal remembers, or NULL */
    const struct rate_course *rates; /* upload_limit over the next days, or NULL: no bound */
    /* of a repository: what the journal remembers of its logs' ends, or NULL */
    const char *known_writer, *known_pruner;
    int64_t newest_writer, newest_pruner; /* records that some replica was seen to have */
    const char *stretched;  /* of a repository: what a worker stretched its key to, or NULL */
    const char *cache_dir;  /* of a repository: where its index is kept, or NULL: nowhere */
    const char *unreadable; /* why its secrets are not there: nobody may open it; or NULL */
};

/* STORE. secrets NULL: none of them goes in. */
json_t *job_store(const struct destination *d, const struct job_secrets *secrets,
                  const struct job_store_context *context);
/* SOURCE. had_files: some good set of it holds files. */
json_t *job_source(const struct source *s, bool had_files);
