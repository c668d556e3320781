/* digest_pair.h — the SHA-256 of a volume and of the segment at hand, in one pass over the bytes.
 *
 * Two thirds of the work, the message schedule, depend on the bytes alone, and the rounds of two
 * digests fill one another's waits: a processor with the SHA extensions makes both at hardly more
 * than the price of one. Elsewhere it is the library's function, twice. */
#pragma once

#include "lib/plain/aes_sha.h"
#include "lib/plain/digest.h"

struct digest_pair;

struct digest_pair *digest_pair_new(void);
void digest_pair_free(struct digest_pair *p); /* NULL-safe */
void digest_pair_update(struct digest_pair *p, const void *data, size_t len);
/* Encrypt `blocks` of 16 bytes and take in what comes out. */
void digest_pair_encrypt(struct digest_pair *p, struct aes_sha *a, const uint8_t *data,
                         size_t blocks, uint8_t *out);

/* A segment is a multiple of 64 bytes long, unless it is the last of its volume. Each is begun
 * anew by taking it; the volume is taken after its last segment. */
void digest_pair_take_segment(struct digest_pair *p, uint8_t out[STORE_DIGEST_LEN]);
void digest_pair_take_volume(struct digest_pair *p, uint8_t out[STORE_DIGEST_LEN]);
