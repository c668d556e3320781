/* digest.h — SHA-256 and HMAC-SHA-256 over OpenSSL, with the failures that cannot happen on a
 * working library turned into an abort, so that callers read straight. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/store/store.h"

struct digest; /* one running SHA-256; one thread at a time */

struct digest *digest_new(void);
void digest_update(struct digest *d, const void *data, size_t len);
/* The digest of what came since the last take (or new); starts over. */
void digest_take(struct digest *d, uint8_t out[STORE_DIGEST_LEN]);
void digest_free(struct digest *d); /* NULL-safe */

void digest_bytes(const void *data, size_t len, uint8_t out[STORE_DIGEST_LEN]);
void digest_hmac(const uint8_t key[32], const void *data, size_t len,
                 uint8_t out[STORE_DIGEST_LEN]);
