/* damaged.h — the packs of a place that were found damaged, remembered in the cache folder until a check finds them
 * whole: what they hold is stored again, and read from them only if it lies nowhere else. Blocks. */
#pragma once

#include "lib/repository/check.h"

/* place: the name of the destination. No file: none. *ret owned (free). Without a cache folder (NULL), or where
 * the caller may not read it, nothing is remembered. */
int must_check damaged_read(const char *cache_dir, const char *place, struct pack_name **ret,
                            size_t *ret_count, struct err *e);
/* After check_data of `range` (NULL: all): those of it that are remembered and are whole now are forgotten, those
 * that were found are added. */
int must_check damaged_note(const char *cache_dir, const char *place,
                            const struct check_range *range, const struct check_result *found,
                            struct err *e);
