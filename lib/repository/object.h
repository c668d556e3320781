/* object.h — what the small objects of a repository have in common: put once, strict JSON, numbers
 * and names (docs/repository-format.md, "Objects"). */
#pragma once

#include "lib/base/json.h"
#include "lib/store/store.h"

/* store_put_bytes with STORE_FAIL_IF_EXISTS, a lost answer being no error: when the put fails, what
 * lies there is compared. ERR_EXISTS: something else does. Blocks. */
int must_check object_put(struct store *s, const char *name, const void *data, size_t len,
                          struct err *e);
/* Names below the folder `prefix` (with its slash), in byte order, the prefix left out; folders below it
 * are not looked into. ERR_LIMIT beyond max. Blocks. */
int must_check object_names(struct store *s, const char *prefix, size_t max, struct strlist *ret,
                            struct err *e);

/* Every member is one of `names` (ended by NULL). ERR_FORMAT. */
int must_check object_members(const json_t *o, const char *const *names, struct err *e);
/* len bytes in lower-case hexadecimal digits. ERR_FORMAT. */
int must_check object_hex(const json_t *o, const char *key, uint8_t *ret, size_t len,
                          struct err *e);
int must_check object_hex_text(const char *text, uint8_t *ret, size_t len, struct err *e);
int must_check object_time(const json_t *o, const char *key, struct wall *ret, struct err *e);
json_t *object_hex_json(const uint8_t *data, size_t len); /* new reference */
/* Decimal without leading zeros (digits 0), or so many digits. -1 when it is none. Above 0. */
int64_t object_number(const char *text, size_t digits);
