/* keyring.h — the secrets at hand for reading sets, and the MAC keys made from them.
 *
 * A manifest is opened with the key that its key id names, the present one or one of old_keys. A
 * MAC key is derived at most once for each secret and salt (0.2 s). While any secret is there, a
 * set that is not authenticated is refused, unless the ring says that there were times without. */
#pragma once

#include "lib/plain/manifest.h"

struct keyring;

/* `key` NULL: none. Secrets are borrowed and must outlive the ring. */
struct keyring *keyring_new(const struct secret *key);
void keyring_add_old(struct keyring *r, const struct secret *key); /* NULL: sets without key too */
void keyring_free(struct keyring *r);                              /* NULL-safe; wipes */

/* The MAC key of the present secret; borrowed from the ring. */
int must_check keyring_mac_key(struct keyring *r, const char salt_hex[33],
                               const struct mac_key **ret, struct err *e);

/* manifest_read with whichever key fits. *ret_key (may be NULL): the secret that opens its
 * artifacts, borrowed, NULL for none. *ret_mac (may be NULL): for its marks; borrowed. ERR_KEY when
 * no key here fits. destination_id: what it must name, or NULL when that is not known. */
int must_check keyring_read(struct keyring *r, struct store *s, const char *job, const char *id,
                            const char *destination_id, struct manifest *ret,
                            const struct secret **ret_key, const struct mac_key **ret_mac,
                            struct err *e);
/* The same from what was fetched already. */
int must_check keyring_open(struct keyring *r, const struct manifest_bytes *b, const char *job,
                            const char *id, const char *destination_id, struct manifest *ret,
                            const struct secret **ret_key, const struct mac_key **ret_mac,
                            struct err *e);
