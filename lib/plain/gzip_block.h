/* gzip_block.h — a block of bytes to gzip members, one for each run of bytes that shrink or do not.
 * Members in a row are one gzip stream (RFC 1952, 2.2) that stock gunzip reads, and each carries
 * its own CRC, so blocks are compressed independently by several threads. */
#pragma once

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* 256 KiB to 1 MiB differ by 0.3 % in size; half a megabyte keeps the ring of blocks small. */
enum { GZIP_BLOCK = 512 << 10 };

struct gzip_block; /* the working memory of one thread */

/* level 1..9: 1 to 3 by ISA-L where built in, above by zlib. */
struct gzip_block *gzip_block_new(int level);
void gzip_block_free(struct gzip_block *g); /* NULL-safe */

/* Room that the members of len bytes need at most: what does not shrink is stored. */
size_t gzip_block_bound(size_t len);
/* len <= GZIP_BLOCK; out has room for gzip_block_bound(len). */
int must_check gzip_block_write(struct gzip_block *g, const uint8_t *data, size_t len, uint8_t *out,
                                size_t *ret_len, struct err *e);
