/* catalog.h — what lies where: the sets of each job at each destination, and what is known of the
 * destinations themselves.
 *
 * The destination is the truth: a scan replaces what was known of it. What has been committed or
 * removed while that scan was reading is kept, because the scan may have come too early to see it.
 * Verification results and marker ids come from the journal. Pure memory, no I/O. */
#pragma once

#include "daemon/read_parts.h"
#include "lib/base/json.h"
#include "lib/config/config.h"
#include "lib/schedule/set.h"

struct catalog;

struct catalog_destination {
    char *name;
    char marker_id[33];              /* what the journal remembers, "" if nothing */
    bool listed;                     /* since start, successfully */
    bool known;                      /* listed at least once since start */
    bool tried;                      /* listed, or the listing failed */
    struct err problem;              /* of the last scan; code ERR_NONE: none */
    int failures;                    /* scans that failed since the last that did not */
    int64_t free_bytes, total_bytes; /* total 0: unknown */
    bool write_only;     /* the key of a repository may add sets, and neither read nor remove any */
    bool key_alone;      /* a repository that nothing but the key of this installation opens */
    json_t *damaged;     /* [{"job","id","error"}] of that scan; or NULL */
    struct mono scanned; /* when the last scan ended, whatever it found */
};

struct catalog_job {
    char *name;
    struct sets sets;      /* classified */
    int64_t last_sequence; /* highest ever seen or given out */
    uint64_t *added;       /* for each set: the catalog's generation when it came by commit */
};

struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);
/* Use these rules for classifying from now on (borrowed until the next call). */
void catalog_set_config(struct catalog *c, const struct config *config);

struct catalog_destination *catalog_destination(struct catalog *c, const char *name); /* made */
const char *catalog_known_id(struct catalog *c, const char *destination);             /* or NULL */
void catalog_set_marker(struct catalog *c, const char *destination, const char *marker_id);
struct catalog_job *catalog_job(struct catalog *c, const char *name); /* made if need be */
struct catalog_job *catalog_job_at(struct catalog *c, size_t index);  /* NULL behind the last */

uint64_t catalog_generation(const struct catalog *c); /* remember it when a scan begins */
/* Take the result of a scan that began at `generation`. Returns the number of sets, -1 if
 * it is malformed. */
int catalog_take_scan(struct catalog *c, const char *destination, uint64_t generation,
                      const json_t *result, struct err *e);
void catalog_scan_failed(struct catalog *c, const char *destination, const struct err *e);
void catalog_add(struct catalog *c, const char *job, struct set *s); /* takes what s owns */
void catalog_remove(struct catalog *c, const char *job, const char *destination, const char *id);
/* time: of the verification. Remembered also for a set that no scan has shown yet. */
void catalog_note_verified(struct catalog *c, const char *job, const char *destination,
                           const char *id, struct wall time, bool damaged);
/* A "read" record of a part of a plain set (read_parts.h): once all of it has been read since it was verified, or
 * made, that counts as a verification at the time of the oldest part. */
void catalog_note_read(struct catalog *c, const json_t *record);
/* As read_parts(), of a set's bytes; later verifications and its making count. */
size_t catalog_read_parts(const struct catalog *c, const char *job, const struct set *s,
                          struct read_part **ret);
/* Call after changing a set in place (pin, accept). */
void catalog_classify(struct catalog *c, struct catalog_job *job);
struct set *catalog_find(struct catalog_job *job, const char *destination, const char *id);
/* All verification results, for the journal's checkpoint, and back. */
json_t *catalog_verified_to_json(const struct catalog *c);
void catalog_verified_from_json(struct catalog *c, const json_t *o);
