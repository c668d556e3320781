/* manifest.h — what a set holds: manifest.json, its MAC, SHA256SUMS and MANIFEST.txt.
 *
 * manifest.json is put last and is the commit: a set exists if and only if it is there. It is read
 * only after its MAC is verified over the exact bytes; without a key (scan by the daemon's worker
 * always has one; `key = none` sets have a bare SHA-256). docs/plain-format.md has every member. */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/plain/artifact.h"
#include "lib/store/marker.h"

enum { MANIFEST_MAX = 4 << 20, MANIFEST_PROBLEMS_MAX = 101 };

struct manifest_artifact {
    char *source;      /* name of the source */
    char *source_type; /* "postgresql", "files", "command" */
    char *kind;        /* "dump", "sql", "globals", "tar" (in a repository "tree"), "out" */
    char *database;    /* or NULL */
    /* of a repository: its list, "HEX64:LENGTH" each; then there are none of the next three */
    struct strlist list;
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
    bool repository; /* of a set in a repository, whose id is destination_id: no salt, no key_id */
    char *job, *id;
    int64_t sequence;
    struct strlist tiers;
    char *reason; /* --reason, or what made it due */
    struct wall started, finished;
    char destination_id[33], salt[33];
    char key_id[17];      /* first 16 hex digits of SHA-256 of the MAC key; "" if not encrypted */
    char *host, *version; /* synbak's */
    bool incomplete, fragment;
    bool stays;     /* made for some destinations only: never copied by itself */
    char *readback; /* "read" or "store-checked" */
    struct manifest_source *sources;
    size_t source_count;
    struct manifest_artifact *artifacts;
    size_t artifact_count;
    /* SHA256SUMS and MANIFEST.txt as committed; names NULL before. */
    struct artifact_volume sums, text;
};

void manifest_deinit(struct manifest *m);
/* A file tree, in whichever form. */
bool manifest_artifact_is_tree(const struct manifest_artifact *a);
/* One artifact alone, the same form: it travels so in the results and jobs of workers. */
void manifest_artifact_deinit(struct manifest_artifact *a);
json_t *manifest_artifact_to_json(const struct manifest_artifact *a); /* new reference */
int must_check manifest_artifact_from_json(const json_t *o, struct manifest_artifact *ret,
                                           struct err *e); /* strict: hostile input */
json_t *manifest_to_json(const struct manifest *m);        /* new reference */
int must_check manifest_from_json(const json_t *o, struct manifest *ret,
                                  struct err *e); /* strict: hostile input */

/* How to read an artifact of the set at set_prefix ("JOB/ID"). key: the secret that opens the set.
 * Borrows from all three. */
struct artifact_source manifest_artifact_source(const struct manifest_artifact *a, struct store *s,
                                                const char *set_prefix, const struct secret *key);

/* What an artifact is called without suffixes: "database/synapse.dump". database: NULL for all but
 * "dump" and "sql". Owned. */
char *manifest_file_name(const char *source, const char *kind, const char *database);
/* "database/synapse.dump.gz.enc" -> "database/synapse.dump"; owned. */
char *manifest_artifact_base_name(const struct manifest_artifact *a);

/* The MAC key of (secret, salt): PBKDF2-HMAC-SHA-256 of 600,000 rounds, then HKDF; slow (0.2 s) by
 * design, so derive it once a process and keep it. */
struct mac_key {
    uint8_t bytes[32];
    bool none; /* key = none: MACs are bare SHA-256 */
    char id[17];
};
/* key NULL: none. */
int must_check mac_key_derive(const struct secret *key, const char salt_hex[33],
                              struct mac_key *ret, struct err *e);
/* 64 hex digits and a 0: HMAC-SHA-256, or the bare SHA-256 for none. */
void mac_compute(const struct mac_key *k, const void *data, size_t len, char ret_hex[65]);
bool mac_equal(const char *a, const char *b); /* in constant time */
void mac_key_deinit(struct mac_key *k);

/* Write into m where it is going to lie and how it is authenticated there. */
void manifest_bind(struct manifest *m, const struct store *s, const struct marker *marker,
                   const struct mac_key *k);
/* Does it count as a good one by its manifest alone? Not a fragment, nor a copy before a restore. */
bool manifest_is_good(const struct manifest *m);
/* The two objects that a set is proved by, as they came and not believed yet. Fetching one after the
 * other is what takes the time at a far store. */
struct manifest_bytes {
    struct buf manifest, mac;
};

/* Write SHA256SUMS, MANIFEST.txt, manifest.mac, manifest.json (last) of a set. Objects of the set's
 * folder that it does not name, remains of a worker that was killed, are removed first. Committing
 * the same content again does nothing; ERR_EXISTS when another set of this id is there.
 * `secret_hint` is where people find the key, for MANIFEST.txt ("file:/etc/synbak/key"). */
int must_check manifest_commit(struct store *s, const struct manifest *m, const struct mac_key *k,
                               const char *secret_hint, struct err *e);
/* What a commit has to know of the place before. Far away that costs round trips, so it can be asked for
 * beside other things, and the set committed with it then. */
struct manifest_place {
    bool committed;
    struct manifest_bytes bytes; /* if it is */
    struct strlist names;        /* if not: of the objects that lie there */
};
int must_check manifest_look(struct store *s, const char *job, const char *id,
                             struct manifest_place *ret, struct err *e); /* deinit in either case */
void manifest_place_deinit(struct manifest_place *p);
/* manifest_commit where that lies. */
int must_check manifest_commit_at(struct store *s, const struct manifest_place *there,
                                  const struct manifest *m, const struct mac_key *k,
                                  const char *secret_hint, struct err *e);
/* Read and verify. ERR_NOT_FOUND: no such set; ERR_DAMAGED: MAC or content wrong;
 * ERR_KEY: made with another key (tells both key ids). */
int must_check manifest_read(struct store *s, const char *job, const char *id,
                             const struct mac_key *k, struct manifest *ret, struct err *e);

/* ERR_NOT_FOUND: no such set; ERR_DAMAGED: its MAC is not there. Safe to call from several threads. A far store is
 * asked for both at once. ret: manifest_bytes_deinit, also after a failure. */
int must_check manifest_fetch(struct store *s, const char *job, const char *id,
                              struct manifest_bytes *ret, struct err *e);
/* The MAC only if there is a manifest: for one of many threads, who hide the round trips already. */
int must_check manifest_fetch_in_turn(struct store *s, const char *job, const char *id,
                                      struct manifest_bytes *ret, struct err *e);
/* The rest of manifest_read. */
int must_check manifest_open(const struct manifest_bytes *b, const char *job, const char *id,
                             const struct mac_key *k, struct manifest *ret, struct err *e);
void manifest_bytes_deinit(struct manifest_bytes *b);

/* What a manifest says before it is believed: enough to choose the key to verify it with. */
struct manifest_peek {
    char job[64], id[32], salt[33], key_id[17];
};
/* From the bytes of a manifest.json. */
int must_check manifest_peek_bytes(const void *data, size_t len, struct manifest_peek *ret,
                                   struct err *e);

/* An object whose members are all names below JOB/ID/ that belong to the set; new reference. */
json_t *manifest_names(const struct manifest *m);
/* SHA256SUMS and MANIFEST.txt of the set, as manifest_commit writes them. `text` is final before
 * `sums` is made, because its digest stands there. */
int must_check manifest_text_write(const struct manifest *m, const char *secret_hint,
                                   struct buf *out, struct err *e);
int must_check manifest_sums_write(const struct manifest *m, const struct buf *text,
                                   struct buf *out, struct err *e);

/* Delete a set: manifest.json first (with it the set is gone), then the rest, marks last.
 * Idempotent. */
int must_check manifest_delete_set(struct store *s, const char *job, const char *id, struct err *e);
