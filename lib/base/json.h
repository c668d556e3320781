/* json.h — strict reading of JSON from outside: every getter says which member is wrong.
 *
 * json_secure_memory() makes jansson overwrite what it frees, because jobs carry keys. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

void json_secure_memory(void); /* once, first thing in main */

/* One value, duplicate keys and NUL refused. New reference. */
int must_check json_read(const void *data, size_t len, json_t **ret, struct err *e);
/* Compact with sorted keys, so that equal values give equal bytes. */
int must_check json_write(const json_t *value, struct buf *out, struct err *e);

/* Getters of a required member: ERR_FORMAT naming the member if missing or of the wrong type.
 * Strings are borrowed from the object. */
int must_check json_get_string(const json_t *o, const char *key, const char **ret, struct err *e);
int must_check json_get_i64(const json_t *o, const char *key, int64_t min, int64_t max,
                            int64_t *ret, struct err *e);
int must_check json_get_bool(const json_t *o, const char *key, bool *ret, struct err *e);
int must_check json_get_array(const json_t *o, const char *key, json_t **ret, struct err *e);
int must_check json_get_object(const json_t *o, const char *key, json_t **ret, struct err *e);
int must_check json_get_strings(const json_t *o, const char *key, struct strlist *ret,
                                struct err *e);

/* Lenient forms for optional members: the fallback if it is missing or of another type. */
const char *json_opt_string(const json_t *o, const char *key, const char *fallback);
int64_t json_opt_i64(const json_t *o, const char *key, int64_t fallback);
bool json_opt_bool(const json_t *o, const char *key, bool fallback);

json_t *json_from_strings(const struct strlist *list); /* new reference */
/* A string that may hold any bytes: invalid UTF-8 is shown as \xHH. New reference. */
json_t *json_printable(const char *s);

#define _cleanup_json_ _cleanup_(json_decrefp)
