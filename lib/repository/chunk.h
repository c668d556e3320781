/* chunk.h — one chunk: its id, and its stored form (docs/repository-format.md, "Packs"). Pure but
 * for memory; a codec belongs to one thread. */
#pragma once

#include "lib/repository/keys.h"

enum {
    CHUNK_ID_LEN = 32,
    CHUNK_MAX = 8 << 20,
    CHUNK_STORED_MAX = CHUNK_MAX /* a compressed form that is no smaller is not kept */
};
enum chunk_kind { CHUNK_DATA = 1, CHUNK_LIST = 2, CHUNK_SET = 3 };
enum chunk_codec { CHUNK_RAW = 0, CHUNK_ZSTD = 1, CHUNK_DELTA = 2 };

struct chunk_id {
    uint8_t bytes[CHUNK_ID_LEN];
};
struct chunk_ref { /* as lists have it */
    struct chunk_id id;
    uint32_t length; /* 1..CHUNK_MAX */
};
struct chunk_entry { /* as directories have it */
    struct chunk_id id;
    uint32_t stored, length;
    enum chunk_codec codec;
    enum chunk_kind kind;
    struct chunk_id base; /* CHUNK_DELTA */
};

bool chunk_id_equal(const struct chunk_id *a, const struct chunk_id *b);
void chunk_id_hex(const struct chunk_id *id, char ret[65]);
/* "HEX64:LENGTH", as manifests have it. ERR_FORMAT. */
char *chunk_ref_text(const struct chunk_ref *r); /* owned */
int must_check chunk_ref_parse(const char *text, struct chunk_ref *ret, struct err *e);

/* Compression and ids. One for each thread. */
struct chunk_coder;
int must_check chunk_coder_new(const struct keys *k, struct chunk_coder **ret, struct err *e);
void chunk_coder_free(struct chunk_coder *c);
/* Gives back the memory that chunks over 1 MiB took; what an encode returned is gone. */
void chunk_coder_trim(struct chunk_coder *c);
void chunk_coder_id(struct chunk_coder *c, enum chunk_kind kind, const void *data, size_t len,
                    struct chunk_id *ret);
/* The smallest stored form: as it is, or zstd; decoded again and compared before it returns
 * (ERR_DAMAGED: bad memory or a broken codec). *ret_stored points into the coder or is `data`;
 * valid until the next call, chunk_encode_delta's excepted. What follows
 * data that was not made smaller is tried only if it looks as if it could be. */
int must_check chunk_encode(struct chunk_coder *c, const void *data, size_t len,
                            const void **ret_stored, size_t *ret_len, enum chunk_codec *ret_codec,
                            struct err *e);
/* A delta against base, which is kept only under half of `whole_len`, the length of chunk_encode's form:
 * 1 when it is not. Decoded again and compared. */
int must_check chunk_encode_delta(struct chunk_coder *c, const void *data, size_t len,
                                  const void *base, size_t base_len, size_t whole_len,
                                  const void **ret_stored, size_t *ret_len, struct err *e);
/* The plain bytes of a stored form into out (entry->length bytes), the id checked. base: plain bytes
 * for CHUNK_DELTA (checked by whoever fetched them), else NULL. ERR_DAMAGED. */
int must_check chunk_decode(struct chunk_coder *c, const struct chunk_entry *entry,
                            const void *stored, const void *base, size_t base_len, void *out,
                            struct err *e);
