/* globals.h — the roles of a globals.sql that a server lacks. */
#pragma once

#include "lib/postgres/connect.h"

/* Make the roles that text (of pg_dumpall --globals-only) has and the server lacks, with their
 * attributes, settings, comments and memberships; nothing that exists is changed. Tablespaces are
 * not made. notes: what was done, and what the server refused. ERR_FORMAT if text does not parse;
 * text is hostile, each statement is taken apart by SQL's own rules for quotes. */
int must_check pg_globals_apply(struct pg *p, const char *text, size_t len, struct strlist *notes,
                                struct err *e);

/* The statements of SQL text without dollar quotes, as pg_dumpall writes it: owned, without
 * comments and psql commands, ended by no semicolon. For tests. */
int must_check pg_globals_split(const char *text, size_t len, struct strlist *ret, struct err *e);
