/* encrypt.h — the writing side of cipher.h: what `openssl enc -d` reads comes out, and goes into
 * the digests of its volume and segment in the same pass. */
#pragma once

#include "lib/plain/cipher.h"
#include "lib/plain/digest_pair.h"

struct encrypt; /* one thread */

/* Makes a salt, stretches the key (0.1 to 0.2 s of one core) and fills the header, which comes
 * first and is digested already. `digests` is borrowed. */
int must_check encrypt_new(const struct secret *key, struct digest_pair *digests,
                           uint8_t header[CIPHER_HEADER], struct encrypt **ret, struct err *e);
/* Bytes that were taken but have not come out, because they fill no block: less than one. */
size_t encrypt_carried(const struct encrypt *x);
/* All whole blocks of what was carried and of data come out; out does not overlap data. */
int must_check encrypt_update(struct encrypt *x, const uint8_t *data, size_t len, uint8_t *out,
                              size_t *ret_len, struct err *e);
/* The end: one block. */
int must_check encrypt_final(struct encrypt *x, uint8_t out[CIPHER_BLOCK], struct err *e);
void encrypt_free(struct encrypt *x); /* NULL-safe; wipes */
