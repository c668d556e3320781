/* s3_lifecycle.h — the lifecycle rules of a bucket, as sentences. Pure. */
#pragma once

#include "lib/base/str.h"

/* Adds one sentence for each thing that an enabled rule does to objects under `prefix` (a key
 * prefix, "" or "host1/"). What is no list of rules adds nothing. */
void s3_lifecycle_describe(const void *xml, size_t len, const char *prefix, struct strlist *ret);
