/* gunzip.h — a stream of gzip members back to bytes, fed piece by piece; the input is hostile.
 *
 * Strict where gunzip is kind: bytes after the last member that are not a member are damage. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct gunzip;

struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *g); /* NULL-safe */

/* Decode from *data (advanced, *len reduced) into out until it is full or the input is used up;
 * *ret_len says how much came out. ERR_DAMAGED: not gzip, or a CRC or length that does not fit. */
int must_check gunzip_run(struct gunzip *g, const uint8_t **data, size_t *len, void *out,
                          size_t out_len, size_t *ret_len, struct err *e);
/* Between members, at least one of which was whole: the input may end here. */
bool gunzip_at_end(const struct gunzip *g);
