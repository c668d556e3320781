/* repository.h — a repository at one store, opened: its keys, its logs, the sets that exist
 * (docs/repository-format.md). Blocks. */
#pragma once

#include "lib/base/secret.h"
#include "lib/repository/index.h"
#include "lib/repository/log.h"
#include "lib/repository/slot.h"

struct repository_spec {
    struct store *store;         /* borrowed */
    const struct secret *secret; /* borrowed: opens a slot */
    struct secret *stretched;    /* borrowed; in and out, as of slots_open; NULL */
    const char
        *cache_dir; /* state_dir/repositories; a folder for each repository below it; NULL: none */
    const struct log_head *known_writer, *known_pruner; /* remembered heads, or NULL */
};

struct repository {
    struct store *store;
    struct keys *keys;           /* owned */
    char id[33];                 /* HEX32 */
    char slot[33];               /* that opened it */
    char *cache_dir;             /* owned; of this repository; NULL */
    struct log *writer, *pruner; /* owned */
};

/* Is there one? 0: yes, its id; 1: no. */
int must_check repository_probe(struct store *s, char ret_id[33], struct err *e);
/* A new one: repository.json, the operation slot, both logs begun by `who`. Safe to do again after a
 * crash at any point: what is there is used. ERR_EXISTS when a repository was made there meanwhile
 * by another (another key, or another installation). */
int must_check repository_create(const struct repository_spec *spec, const struct log_author *who,
                                 struct repository **ret, struct err *e);
/* ERR_NOT_FOUND: none there, or one that was begun and broken off before it had a key; ERR_KEY; ERR_TAMPERED; ERR_FORMAT: a newer version, or
 * parts of one. */
int must_check repository_open(const struct repository_spec *spec, struct repository **ret,
                               struct err *e);
void repository_close(struct repository *r); /* NULL-safe */

struct repository_set {
    uint64_t number; /* of its record in the writer's log */
    const char *job, *id;
    int64_t sequence;
    struct chunk_ref manifest;
    const json_t *describe;
    /* marks: the newest of each kind */
    bool pinned, accepted;
    const char *pin_reason;
    struct wall pin_until; /* 0: without end */
};
/* The sets that exist, oldest first. Owned array (free); what it points to is the repository's. */
int must_check repository_sets(const struct repository *r, struct repository_set **ret,
                               size_t *ret_count, struct err *e);
/* ERR_NOT_FOUND. */
int must_check repository_find_set(const struct repository *r, const char *job, const char *id,
                                   struct repository_set *ret, struct err *e);
/* What is on the newest trash list. Owned (free). Since when, and what, counts for the pruner.
 * ERR_DAMAGED: the list is lost. The pruner then begins a new one, on which everything is since then; a
 * writer must not go on as if nothing were on trash. */
struct repository_trash {
    struct pack_name pack; /* or a segment's */
    bool segment;
    struct wall since;
};
int must_check repository_trash(const struct repository *r, struct repository_trash **ret,
                                size_t *ret_count, struct err *e);
/* The packs on it alone, for index_exclude. Owned (free). */
int must_check repository_trash_packs(const struct repository *r, struct pack_name **ret,
                                      size_t *ret_count, struct err *e);
/* For readers: what is on it may be deleted while they read, and what was moved lies elsewhere too. A list that
 * cannot be had is no reason not to read. Once, after the index was opened. */
void repository_avoid_trash(const struct repository *r, struct index *ix);
/* A new trash list and the record that names it. */
int must_check repository_put_trash(struct repository *r, const struct log_author *who,
                                    const struct repository_trash *items, size_t count,
                                    struct err *e);

/* --- who has access: slot.h, with a record of it. ERR_FOREIGN unless `who` is the pruner --- */
int must_check repository_add_slot(struct repository *r, const struct log_author *who,
                                   enum slot_kind kind, const char *label,
                                   const struct secret *secret, char ret_slot[33], struct err *e);
/* Broken off, it can be done again. */
int must_check repository_remove_slot(struct repository *r, const struct log_author *who,
                                      const char *slot, struct err *e);
/* A new reading key for what is written from now on; slots that were removed do not get it. */
int must_check repository_rotate(struct repository *r, const struct log_author *who, struct err *e);
