/* keys.h — the keys of an opened repository, and the objects' keys sealed under them
 * (docs/repository-format.md, "Keys" and "Sealing").
 *
 * Either full (may read, add, remove) or write-only (may add and list). Held in memory that is
 * locked and left out of cores as far as limits allow; wiped when freed. Safe to share by threads
 * once made. */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/repository/seal.h"

enum { REPOSITORY_ID_LEN = 16, KEYS_GENERATIONS_MAX = 1000, OBJECT_HEADER_LEN = 96 };

struct keys_generation {
    uint16_t number;
    bool may_read;
    uint8_t reading[32]; /* may_read */
    uint8_t public_key[32];
    uint8_t wrapping[32]; /* may_read; derived */
    uint8_t x25519[32];   /* may_read; derived */
};

struct keys {
    uint8_t repository[REPOSITORY_ID_LEN];
    bool write_only;
    uint8_t adding[32];
    uint8_t writer[32]; /* seeds */
    uint8_t pruner[32]; /* not when write_only */
    uint8_t writer_public[32], pruner_public[32];
    uint8_t chunk_id[32], cutting[32], log[32];               /* derived */
    struct keys_generation generations[KEYS_GENERATIONS_MAX]; /* ascending */
    size_t generation_count;
};

int must_check keys_create(struct keys **ret, struct err *e); /* a new repository's, random */
int must_check keys_create_for(const uint8_t repository[REPOSITORY_ID_LEN], struct keys **ret,
                               struct err *e); /* of that id */
/* From a slot's bundle; strict. ERR_FORMAT. */
int must_check keys_from_bundle(const void *json, size_t len, struct keys **ret, struct err *e);
/* The bundle for a slot. write_only: the smaller one. ret declares its maximum. The caller wipes. */
int must_check keys_to_bundle(const struct keys *k, bool write_only, struct buf *ret,
                              struct err *e);
void keys_free(struct keys *k); /* NULL-safe; wipes */
/* The newest: what is written is sealed for it. */
const struct keys_generation *keys_current(const struct keys *k);
const struct keys_generation *keys_find_generation(const struct keys *k,
                                                   unsigned number); /* NULL */

/* A new key for one object, and its header of 96 bytes. magic: 8 bytes. */
enum object_class { OBJECT_DATA = 0, OBJECT_LISTS = 1 };
int must_check keys_object_new(const struct keys *k, const char magic[9], enum object_class class,
                               uint8_t header[OBJECT_HEADER_LEN], uint8_t ret_key[SEAL_KEY_LEN],
                               struct err *e);
/* ERR_FORMAT: not such an object; ERR_DAMAGED: the header is not what was written, a generation that never was
 * included; ERR_KEY: a generation that is not at hand, or a write-only key. */
int must_check keys_object_open(const struct keys *k, const char magic[9],
                                const uint8_t header[OBJECT_HEADER_LEN],
                                enum object_class *ret_class, uint8_t ret_key[SEAL_KEY_LEN],
                                struct err *e);
