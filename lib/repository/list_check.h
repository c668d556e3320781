/* list_check.h — what an entry of a list may be, the same for whoever writes and whoever reads one. */
#pragma once

#include "lib/repository/list.h"

/* Relative, no empty, "." or ".." part, no final '/'; "" is the root. */
bool list_path_valid(const char *path);
/* All that an entry promises by itself. code: ERR_LIMIT for writers, ERR_DAMAGED for readers. */
int must_check list_entry_check(const struct list_entry *x, enum err_code code, struct err *e);
/* 1 to CHUNK_MAX each, at most LIST_REFS_MAX. *ret_bytes: their sum. */
int must_check list_refs_check(const struct chunk_ref *refs, size_t count, uint64_t *ret_bytes,
                               enum err_code code, struct err *e);
