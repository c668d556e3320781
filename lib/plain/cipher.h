/* cipher.h — AES-256-CBC exactly as `openssl enc -aes-256-cbc -pbkdf2 -iter 600000 -md sha256`
 * writes and reads it: "Salted__", 8 bytes of salt, then whole blocks with PKCS#7 padding.
 *
 * Starting costs 0.1 to 0.2 s of one core: the key is stretched. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIPHER_HEADER = 16, CIPHER_BLOCK = 16, CIPHER_ITERATIONS = 600000 };

struct cipher; /* one direction, one thread */

/* Writing: makes a salt and fills the header that comes first in the output. */
int must_check cipher_encrypt_new(const struct secret *key, uint8_t header[CIPHER_HEADER],
                                  struct cipher **ret, struct err *e);
/* Reading: ERR_DAMAGED when the header is not one. */
int must_check cipher_decrypt_new(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                                  struct cipher **ret, struct err *e);
/* out has room for len + CIPHER_BLOCK bytes and does not overlap data. */
int must_check cipher_update(struct cipher *c, const void *data, size_t len, void *out,
                             size_t *ret_len, struct err *e);
/* The end: at most CIPHER_BLOCK bytes. ERR_KEY when decryption ends in wrong padding. */
int must_check cipher_final(struct cipher *c, void *out, size_t *ret_len, struct err *e);
void cipher_free(struct cipher *c); /* NULL-safe; wipes */

/* PBKDF2-HMAC-SHA-256 with the iterations above; salt_len <= 16 (stretch.c). */
int must_check cipher_stretch(const struct secret *key, const uint8_t *salt, size_t salt_len,
                              uint8_t *out, size_t out_len, struct err *e);
