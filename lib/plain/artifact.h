/* artifact.h — writing and reading one artifact of the plain format (docs/plain-format.md).
 *
 * Writing: bytes of one source go in once; for each destination an artifact comes out, compressed,
 * encrypted, hashed, cut into volumes, durable and read back. Destinations that agree in
 * compression and key share that work. A destination that fails drops out and says why; the others
 * go on. Reading: the exact inverse, one pass, each 16 MiB segment checked before it is decrypted.
 */
#pragma once

#include "lib/base/secret.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

enum {
    ARTIFACT_SEGMENT = 16 << 20,
    ARTIFACT_SEGMENTS_MAX = 16 << 20 /* bytes of digests: 8 TiB of an artifact as stored */
};

struct artifact_codec {
    bool gzip;
    int level;                /* 1..9; 1..3 use ISA-L where built in */
    const struct secret *key; /* borrowed; NULL: not encrypted */
};

struct artifact_target {    /* one destination of a write */
    struct store *store;    /* borrowed */
    const char *set_prefix; /* "JOB/ID": borrowed */
    struct artifact_codec codec;
    uint64_t volume_bytes;
    /* far away: when it has held up the others for 30 s (ring.h), it drops out with ERR_LATE. Its bytes
     * are its own, salt and all; artifact_finish waits for the put that it is in */
    bool may_lag;
};

struct artifact_volume {
    char *name; /* inside the set: "database/synapse.dump.gz.enc", ".001" appended to later ones */
    uint64_t size;
    uint8_t sha256[STORE_DIGEST_LEN];
};

struct artifact_result { /* of one target */
    bool failed;
    struct err error; /* when failed */
    struct artifact_volume *volumes;
    size_t volume_count;
    struct artifact_volume segments; /* the "X.segments" object: digests of all volumes in order */
    uint64_t stored_bytes;
};

/* "X", "X.001", ...: owned. */
char *artifact_volume_name(const char *name, size_t index);

struct artifact_writer;
/* A destination where the set is committed already fails (ERR_EXISTS).
 * base_name: "database/synapse.dump" without the suffixes, which are added per target. threads
 * >= 1. */
int must_check artifact_create(struct artifact_writer **ret, const char *base_name,
                               const struct artifact_target *targets, size_t target_count,
                               int threads, struct err *e);
/* Fails only when no target is left (the last one's error). May block on compression or disks. */
int must_check artifact_write(struct artifact_writer *w, const void *data, size_t len,
                              struct err *e);
uint64_t artifact_raw_bytes(const struct artifact_writer *w);
/* Commit at every target still alive. results: target_count elements, owned by the caller
 * (artifact_result_deinit each). Fails when all targets failed. Frees w in every case. */
int must_check artifact_finish(struct artifact_writer *w, struct artifact_result *results,
                               struct err *e);
void artifact_abort(struct artifact_writer *w); /* NULL-safe; nothing becomes visible */
void artifact_result_deinit(struct artifact_result *r);

/* --- reading --- */
struct artifact_reader;
/* Where to read and what it must be; from a manifest already verified. All it points to must
 * outlive the reader. */
struct artifact_source {
    struct store *store;    /* borrowed */
    const char *set_prefix; /* "JOB/ID" */
    const struct artifact_volume *volumes;
    size_t volume_count;
    const struct artifact_volume *segments;
    bool gzip;                /* from the name's suffixes */
    const struct secret *key; /* NULL: not encrypted */
};
int must_check artifact_open(struct artifact_reader **ret, const struct artifact_source *src,
                             struct err *e);
/* Plain bytes in order; *ret_len 0 is the verified end. ERR_DAMAGED names object and offset;
 * ERR_KEY when decryption yields nonsense at the start. */
int must_check artifact_read(struct artifact_reader *r, void *data, size_t len, size_t *ret_len,
                             struct err *e);
uint64_t artifact_read_stored(const struct artifact_reader *r); /* for progress */
void artifact_close(struct artifact_reader *r);                 /* NULL-safe */

/* Read every stored byte and compare with sizes and digests; no key needed. progress may be NULL;
 * when it returns false the work stops with ERR_CANCELLED. */
typedef bool artifact_progress_cb(void *arg, uint64_t stored_bytes);
int must_check artifact_verify(const struct artifact_source *src, artifact_progress_cb *progress,
                               void *arg, struct err *e);
/* The same for some segments, counted from 0 over all volumes; those must be there. */
int must_check artifact_verify_segments(const struct artifact_source *src, size_t first,
                                        size_t count, artifact_progress_cb *progress, void *arg,
                                        struct err *e);
