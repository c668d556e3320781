/* destination.h — the STORE piece of a job, opened: the store, what its artifacts look like, and
 * the secrets that open its sets. Shared by the verbs. */
#pragma once

#include "daemon/worker/worker.h"
#include "lib/base/json.h"
#include "lib/plain/keyring.h"
#include "lib/plain/set_source.h"
#include "lib/repository/log.h"
#include "lib/store/marker.h"
#include "lib/store/rate.h"

struct destination {
    struct worker *worker; /* that gives up once it is cancelled */
    char *name;            /* as in the configuration */
    struct store *store;
    bool file;         /* an export or a set's folder: there is no marker */
    bool remote;       /* every call is a round trip: s3, sftp */
    struct secret key; /* text NULL: none */
    struct secret *old_keys;
    size_t old_key_count;
    bool old_none;        /* a null among old_keys: there were times without a key */
    struct keyring *ring; /* over key and old_keys */
    char *key_hint;       /* "file:/etc/synbak/key" */
    char *owner;          /* HEX32 or NULL */
    char *known_id;       /* HEX32 or NULL */
    int64_t warn_free_percent;
    bool repository; /* its format; else plain, with the next three */
    bool gzip;
    int level;
    uint64_t volume_bytes;
    char *repository_name;    /* repository: in messages; NULL when what lies there said so */
    char *cache_dir;          /* or NULL */
    struct secret *stretched; /* owned: of slots_open; NULL: whoever gave the job keeps none */
    bool writer_known, pruner_known;
    struct log_head writer_head, pruner_head; /* remembered */
    int64_t newest_writer, newest_pruner;     /* records that some replica was seen to have */
    int64_t trash_s;
    struct rate_plan rates;                              /* that the store borrows */
    struct secret access_key, secret_key, session_token; /* s3; likewise */
    struct secret private_key, passphrase;               /* sftp; likewise */
};

/* Parse a STORE and open its store (which must exist). Claims nothing. Connecting, which may come later,
 * ends with ERR_CANCELLED once w is cancelled; how long it may last is waiter.h's. */
int must_check destination_open(struct worker *w, const json_t *store, struct destination *ret,
                                struct err *e);
/* The same for work that may be given up at any time: reading later ends as well (store_stop_reads). */
int must_check destination_open_for(struct worker *w, const json_t *store, struct destination *ret,
                                    struct err *e);
/* From a job with "store":STORE, or with "file":PATH and "key":SECRET|null (an export, or a set's
 * folder), as destination_open_for. For a file *ret_job and *ret_id name its set; else they come from the job's "job" and
 * "id". Both owned. */
int must_check destination_open_set(struct worker *w, const json_t *job, struct destination *ret,
                                    char **ret_job, char **ret_id, struct err *e);
/* An error that ends with "synbakctl adopt DESTINATION", which the libraries cannot know, gets the name. */
void destination_say_name(const struct destination *d, struct err *e);
/* marker_claim with what the job says. */
int must_check destination_claim(struct destination *d, struct marker *ret, struct err *e);
/* keyring_read, with the destination's id compared when its marker can be read. */
int must_check destination_read(struct destination *d, const char *job, const char *id,
                                struct manifest *ret, const struct secret **ret_key,
                                const struct mac_key **ret_mac, struct err *e);
/* What an artifact that is written there looks like; one that may not lag. Borrows both. */
struct artifact_target destination_target(const struct destination *d, const char *set_prefix);
void destination_close(struct destination *d); /* wipes; safe on a zeroed one */
