/* pack.h — packs: built in memory, named by their SHA-256, opened again (docs/repository-format.md).
 */
#pragma once

#include "lib/repository/chunk.h"

enum {
    PACK_MAX = 16 << 20,
    PACK_FULL = 4 << 20, /* as built here, unless its one chunk is longer: three are in memory */
    PACK_ALIGN = 64 << 10,
    PACK_CHUNKS_MAX = 1 << 18
};

struct pack_name {
    uint8_t bytes[32];
};
void pack_object_name(const struct pack_name *n, char ret[80]); /* "packs/ab/abcd…" */
int must_check pack_name_parse(const char *object_name, struct pack_name *ret, struct err *e);

/* --- building: one thread --- */
struct pack_builder;
int must_check pack_builder_new(const struct keys *k, enum object_class class,
                                struct pack_builder **ret, struct err *e);
void pack_builder_free(struct pack_builder *b);
/* Is there room for one more of this length? The first always fits. */
bool pack_builder_fits(const struct pack_builder *b, size_t stored_len);
/* Encrypts into the pack. *ret_offset: of its box. */
int must_check pack_builder_add(struct pack_builder *b, const struct chunk_entry *entry,
                                const void *stored, uint32_t *ret_offset, struct err *e);
size_t pack_builder_count(const struct pack_builder *b);
/* Directory, filling, trailer, name. Bytes and entries are the builder's until it is freed or
 * reset. */
struct pack_built {
    struct pack_name name;
    const uint8_t *data;
    size_t len;
    const struct chunk_entry *entries;
    const uint32_t *offsets;
    size_t count;
};
int must_check pack_builder_finish(struct pack_builder *b, struct pack_built *ret, struct err *e);
/* Empty, with a new key. */
int must_check pack_builder_reset(struct pack_builder *b, enum object_class class, struct err *e);

/* --- reading --- */
/* The header's key: for boxes read one by one. */
int must_check pack_open(const struct keys *k, const uint8_t header[OBJECT_HEADER_LEN],
                         struct seal_box **ret, enum object_class *ret_class, struct err *e);
/* The plain stored form of the box at offset. out: stored_len bytes; box holds stored_len +
 * SEAL_TAG_LEN. */
int must_check pack_unbox(struct seal_box *b, uint64_t offset, const void *box, size_t stored_len,
                          void *out, struct err *e);
/* All entries of a whole pack in memory, or of its tail: `tail` holds its last tail_len bytes.
 * 1: the tail is too short, *ret_need bytes would do. */
struct pack_directory {
    struct chunk_entry *entries; /* owned */
    uint32_t *offsets;           /* owned */
    size_t count;
};
int must_check pack_directory_read(struct seal_box *b, uint64_t pack_len, const void *tail,
                                   size_t tail_len, struct pack_directory *ret, size_t *ret_need,
                                   struct err *e);
void pack_directory_deinit(struct pack_directory *d);
