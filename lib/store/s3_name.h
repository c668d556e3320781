/* s3_name.h — names of objects as keys in a bucket. A key is UTF-8, a name is any bytes: what is no
 * UTF-8 in a name is written in characters that stand for bytes (U+10FF80 to U+10FFFF, which no
 * name of ours has; they would be written so themselves). Such names alone are not listed in byte
 * order. Pure. */
#pragma once

/* prefix: "" or "host1/". Owned. */
char *s3_name_to_key(const char *prefix, const char *name);
/* In place: a name is never longer than its key. */
void s3_name_from_key(char *key);
