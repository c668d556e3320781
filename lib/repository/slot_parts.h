/* slot_parts.h — what the files slot*.c and generation.c share: a slot as an object, stretching,
 * unlocking. */
#pragma once

#include "lib/base/json.h"
#include "lib/repository/slot.h"

enum { SLOT_STRETCHED_LEN = 96, SLOT_OBJECT_MAX = 512 << 10, SLOT_NAME_SIZE = 48 };
extern const char slot_purpose[]; /* of its signature */

struct slot_object {
    struct slot says;
    uint8_t id[16], salt[32], check[32], public_key[32];
    uint8_t *sealed; /* owned */
    size_t sealed_len;
    json_t *json; /* owned */
};
void slot_object_deinit(struct slot_object *o);
void slot_object_name(const char *slot, char ret[SLOT_NAME_SIZE]);
/* ERR_FORMAT, ERR_DAMAGED. slot: HEX32, from its name. Pure. */
int must_check slot_object_parse(const char *slot, const void *text, size_t len,
                                 struct slot_object *ret, struct err *e);
int must_check slot_object_read(struct store *s, const char *slot, struct slot_object *ret,
                                struct err *e);
int must_check slot_names(struct store *s, struct strlist *ret, struct err *e); /* HEX32 each */

/* What the secret becomes: K, C, X. Takes long. */
int must_check slot_stretch(const struct secret *secret, uint32_t n, uint32_t p,
                            const uint8_t salt[32], uint8_t ret[SLOT_STRETCHED_LEN], struct err *e);
/* 1: it is not this slot's. ERR_DAMAGED. Pure. */
int must_check slot_unlock(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN],
                           const uint8_t stretched[SLOT_STRETCHED_LEN], struct keys **ret,
                           struct err *e);
/* What is sealed is tied to its slot. */
struct slot_aad {
    uint8_t bytes[128];
    size_t len;
};
struct slot_aad slot_aad(const struct slot_object *o, const uint8_t repository[REPOSITORY_ID_LEN]);

/* As slot_add, under this name: ERR_EXISTS when it is taken. */
int must_check slot_add_as(struct store *s, const struct keys *k, const char *slot,
                           enum slot_kind kind, const char *label, const struct secret *secret,
                           struct err *e);

/* Every generation that lies at s, beyond those of the bundle. secret: the slot's X25519 private key. */
int must_check generations_read(struct store *s, struct keys *k, const struct slot_object *slot,
                                const uint8_t secret[32], struct err *e);
