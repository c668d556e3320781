/* store_tool.h — the calls of store.h as verbs, for programs that tests drive from outside:
 *
 *   put NAME BYTES [replace] [resume] [unnamed] [seal=BYTES]   bytes made from NAME
 *   check NAME BYTES [threads=N]    the same bytes come back, in ranges of 1 MiB
 *   get NAME OFFSET LEN             as hex
 *   list PREFIX [fold]              each name and size
 *   stat NAME, delete NAME, sweep AGE_S, space, readback, abort NAME BYTES
 *   marker OWNER                    claim the destination
 *   adopt OWNER                     make it theirs */
#pragma once

#include "lib/store/store.h"

/* Prints what it found. argv: behind the verb, NULL at the end. */
int must_check store_tool_run(struct store *s, const char *verb, char **argv, struct err *e);
/* What objects hold: every 8 bytes differ from all others, and objects from each other. */
void store_tool_bytes(const char *name, uint64_t offset, uint8_t *out, size_t len);
