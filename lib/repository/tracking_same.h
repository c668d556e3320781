/* tracking_same.h — is an entry of a tree what it was last time? The list of last time is read along
 * with the walk. Private to tracking*.c. */
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/repository/list.h"
#include "lib/repository/tracking_head.h"

struct tracking_same;
/* list: of last time, verified; artifact, past: its own and its transaction's; now: the present one's;
 * device, fs: of the root now. All but the last borrowed. */
struct tracking_same *tracking_same_new(int list, const struct tracking_artifact *artifact,
                                        const struct tracking_head *past,
                                        const struct tracking_head *now, uint64_t device,
                                        const struct statfs *fs);
void tracking_same_free(struct tracking_same *s); /* NULL-safe */
/* As tracking_find and tracking_more. */
int must_check tracking_same_find(struct tracking_same *s, const char *path, const struct stat *st,
                                  const struct list_entry **ret, bool *ret_same, struct err *e);
int must_check tracking_same_more(struct tracking_same *s, const struct chunk_ref **ret,
                                  size_t *ret_count, struct err *e);
