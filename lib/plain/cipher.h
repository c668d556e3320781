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

enum {
    CIPHER_HEADER = 16,
    CIPHER_SALT = 8,
    CIPHER_BLOCK = 16,
    CIPHER_KEY = 32,
    CIPHER_ITERATIONS = 600000
};

/* Writing (encrypt.h): a header with a new salt. */
int must_check cipher_header_new(uint8_t header[CIPHER_HEADER], struct err *e);
/* The key, then the initial vector; the caller wipes. */
int must_check cipher_stretch_header(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                                     uint8_t material[CIPHER_KEY + CIPHER_BLOCK], struct err *e);

struct cipher; /* reading; one thread */

/* ERR_DAMAGED when the header is not one. */
int must_check cipher_decrypt_new(const struct secret *key, const uint8_t header[CIPHER_HEADER],
                                  struct cipher **ret, struct err *e);
/* out has room for len + CIPHER_BLOCK bytes and does not overlap data. */
int must_check cipher_update(struct cipher *c, const void *data, size_t len, void *out,
                             size_t *ret_len, struct err *e);
/* The end: at most CIPHER_BLOCK bytes. ERR_KEY when the padding is wrong. */
int must_check cipher_final(struct cipher *c, void *out, size_t *ret_len, struct err *e);
void cipher_free(struct cipher *c); /* NULL-safe; wipes */

/* PBKDF2-HMAC-SHA-256 with the iterations above; salt_len <= 16, out_len <= 64 (stretch.c). */
int must_check cipher_stretch(const struct secret *key, const uint8_t *salt, size_t salt_len,
                              uint8_t *out, size_t out_len, struct err *e);
