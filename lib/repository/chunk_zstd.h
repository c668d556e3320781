/* chunk_zstd.h — the compressed forms of a chunk: one zstd frame (RFC 8878), with or without a base
 * as its history. For chunk.c. What is expanded is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { CHUNK_WINDOW_LOG_MAX = 24 }; /* two chunks of the longest */

struct chunk_zstd; /* one thread */

struct chunk_zstd *chunk_zstd_new(void);
void chunk_zstd_free(struct chunk_zstd *z);
/* base NULL: none. At most out_max bytes; 1: it takes more. */
int must_check chunk_zstd_compress(struct chunk_zstd *z, const void *data, size_t len,
                                   const void *base, size_t base_len, void *out, size_t out_max,
                                   size_t *ret_len, struct err *e);
/* Exactly len bytes, from exactly one frame that takes no more memory than these. ERR_DAMAGED. */
int must_check chunk_zstd_expand(struct chunk_zstd *z, const void *frame, size_t frame_len,
                                 const void *base, size_t base_len, void *out, size_t len,
                                 struct err *e);
/* Does it expand to these bytes? ERR_DAMAGED. What is ours is not hostile. */
int must_check chunk_zstd_check(struct chunk_zstd *z, const void *frame, size_t frame_len,
                                const void *base, size_t base_len, const void *data, size_t len,
                                struct err *e);
/* Does it look as if it could be made smaller? A guess from samples. */
bool chunk_zstd_worthwhile(struct chunk_zstd *z, const void *data, size_t len);
