/* manifest.h — what a set holds: manifest.json, its MAC, SHA256SUMS and MANIFEST.txt.
 *
 * manifest.json is put last and is the commit: a set exists if and only if it is there. It is read
 * only after its MAC is verified over the exact bytes; without a key (scan by the daemon's worker
 * always has one; `key = none` sets have a bare SHA-256). docs/plain-format.md has every member. */
#pragma once

#include "lib/plain/artifact.h"
#include "lib/base/json.h"
#include "lib/store/marker.h"

struct manifest_artifact {
    char *source;      /* name of the source */
    char *source_type; /* "postgresql", "files", "command" */
    char *kind;        /* "dump", "sql", "globals", "tar", "out" */
    char *database;    /* or NULL */
    struct artifact_volume *volumes;
    size_t volume_count;
    struct artifact_volume segments;
    uint64_t raw_bytes, stored_bytes;
    bool gzip, encrypted;
    json_t *details; /* object, type's own: server version, root path, restore command ... */
};

struct manifest_source {
    char *name, *type;
    bool whole;              /* everything was read, consistently */
    struct strlist problems; /* why not: printable, at most 100, then a count */
};

struct manifest {
    char *job, *id;
    int64_t sequence;
    struct strlist tiers;
    char *reason; /* --reason, or what made it due */
    struct wall started, finished;
    char destination_id[33], salt[33];
    char key_id[17];      /* first 16 hex digits of SHA-256 of the MAC key; "" if not encrypted */
    char *host, *version; /* synbak's */
    bool incomplete, fragment;
    char *readback; /* "read" or "store-checked" */
    struct manifest_source *sources;
    size_t source_count;
    struct manifest_artifact *artifacts;
    size_t artifact_count;
};

void manifest_deinit(struct manifest *m);
/* One artifact alone, the same form: it travels so in the results and jobs of workers. */
void manifest_artifact_deinit(struct manifest_artifact *a);
json_t *manifest_artifact_to_json(const struct manifest_artifact *a); /* new reference */
int must_check manifest_artifact_from_json(const json_t *o, struct manifest_artifact *ret,
                                           struct err *e); /* strict: hostile input */
json_t *manifest_to_json(const struct manifest *m); /* new reference */
int must_check manifest_from_json(const json_t *o, struct manifest *ret,
                                  struct err *e); /* strict: hostile input */

/* The MAC key of (secret, salt): PBKDF2-HMAC-SHA-256 of 600,000 rounds, then HKDF; slow (0.2 s) by
 * design, so derive it once a process and keep it. */
struct mac_key {
    uint8_t bytes[32];
    bool none; /* key = none: MACs are bare SHA-256 */
    char id[17];
};
int must_check mac_key_derive(const struct secret *key, const char salt_hex[33],
                              struct mac_key *ret, struct err *e);
void mac_key_deinit(struct mac_key *k);

/* Write SHA256SUMS, MANIFEST.txt, manifest.mac, manifest.json (last) of a set. `secret_hint` is
 * where people find the key, for MANIFEST.txt ("file:/etc/synbak/key"). */
int must_check manifest_commit(struct store *s, const struct manifest *m, const struct mac_key *k,
                               const char *secret_hint, struct err *e);
/* Read and verify. ERR_NOT_FOUND: no such set; ERR_DAMAGED: MAC or content wrong;
 * ERR_KEY: made with another key (tells both key ids). */
int must_check manifest_read(struct store *s, const char *job, const char *id,
                             const struct mac_key *k, struct manifest *ret, struct err *e);

/* Marks: JOB/ID.marks/NNNN.json, numbered, MACed, never rewritten; the highest of each kind counts.
 */
struct marks {
    bool pinned, accepted;
    struct wall pin_until; /* us == 0: for ever */
    char *pin_reason;      /* owned */
};
int must_check marks_read(struct store *s, const char *job, const char *id, const struct mac_key *k,
                          struct marks *ret, struct err *e);
/* kind: "pin", "unpin", "accept". */
int must_check marks_add(struct store *s, const char *job, const char *id, const struct mac_key *k,
                         const char *kind, const char *reason, struct wall until, struct wall now,
                         struct err *e);
void marks_deinit(struct marks *m);

/* Delete a set: manifest.json first (with it the set is gone), then the rest. Idempotent. */
int must_check manifest_delete_set(struct store *s, const char *job, const char *id, struct err *e);
