/* seal.h — the cryptographic pieces that everything in a repository is made of
 * (docs/repository-format.md): AES-256-GCM, HKDF-SHA-256, scrypt, X25519, Ed25519, over OpenSSL.
 *
 * Keys are wiped by whoever holds them (seal_wipe). Nothing here blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
    SEAL_KEY_LEN = 32,
    SEAL_TAG_LEN = 16,
    SEAL_NONCE_LEN = 12,
    SEAL_SIGNATURE_LEN = 64,
    SEAL_HASH_LEN = 32
};

/* AES-256-GCM under one key, any number of boxes. Not for several threads at once. */
struct seal_box;
int must_check seal_box_open(const uint8_t key[SEAL_KEY_LEN], struct seal_box **ret, struct err *e);
void seal_box_free(struct seal_box *b); /* NULL-safe; wipes */
/* out: len + SEAL_TAG_LEN bytes; may be the same place as data. */
int must_check seal_box_seal(struct seal_box *b, const uint8_t nonce[SEAL_NONCE_LEN],
                             const void *aad, size_t aad_len, const void *data, size_t len,
                             uint8_t *out, struct err *e);
/* len counts the tag; out: len - SEAL_TAG_LEN bytes, may be the same place. ERR_DAMAGED when the
 * tag is wrong; out is then zeroed. */
int must_check seal_box_unseal(struct seal_box *b, const uint8_t nonce[SEAL_NONCE_LEN],
                               const void *aad, size_t aad_len, const void *box, size_t len,
                               uint8_t *out, struct err *e);

/* nonce = u64 offset of the box in its object || u32 kind. */
enum seal_kind { SEAL_ITEM = 0, SEAL_DIRECTORY = 1, SEAL_TRAILER = 2 };
void seal_nonce(uint8_t ret[SEAL_NONCE_LEN], uint64_t offset, enum seal_kind kind);

/* salt may be NULL (0). out_len <= 8160. */
int must_check seal_hkdf(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
                         const char *info, uint8_t *out, size_t out_len, struct err *e);
/* Takes 128 * r * n bytes of memory; bounds are the caller's. */
int must_check seal_scrypt(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
                           uint32_t n, uint32_t r, uint32_t p, uint8_t *out, size_t out_len,
                           struct err *e);
int must_check seal_random(void *out, size_t len, struct err *e); /* through the seam */
void seal_sha256(const void *data, size_t len, uint8_t ret[SEAL_HASH_LEN]);
void seal_wipe(void *data, size_t len);
bool seal_equal(const void *a, const void *b, size_t len); /* in constant time */

int must_check seal_x25519_public(const uint8_t secret[32], uint8_t ret[32], struct err *e);
/* ERR_DAMAGED for a peer of small order. */
int must_check seal_x25519_shared(const uint8_t secret[32], const uint8_t peer[32], uint8_t ret[32],
                                  struct err *e);
int must_check seal_ed25519_public(const uint8_t seed[32], uint8_t ret[32], struct err *e);
int must_check seal_sign(const uint8_t seed[32], const void *data, size_t len,
                         uint8_t ret[SEAL_SIGNATURE_LEN], struct err *e);
/* ERR_DAMAGED when it is not its signature. */
int must_check seal_verify(const uint8_t public_key[32], const void *data, size_t len,
                           const uint8_t signature[SEAL_SIGNATURE_LEN], struct err *e);
