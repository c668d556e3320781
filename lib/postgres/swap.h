/* swap.h — putting a staged database in the place of a present one, against clients that reconnect
 * in a loop.
 *
 * (1) connections to the present one are disallowed, committed alone: whoever comes now is turned
 * away; (2) its sessions are ended and awaited; (3) both renames happen in one transaction. In one
 * transaction altogether it would fail: clients come back before the rename. On failure (1) is
 * undone. All on a connection to a third database; each step is bounded (a minute). */
#pragma once

#include "lib/postgres/connect.h"

/* present -> aside, staged -> present. present stays closed under its new name. */
int must_check pg_swap(struct pg *p, const char *present, const char *staged, const char *aside,
                       struct err *e);
/* End every session of a database, closed or not, and rename it. */
int must_check pg_rename_alone(struct pg *p, const char *from, const char *to, struct err *e);
int must_check pg_allow_connections(struct pg *p, const char *database, bool allow, struct err *e);
/* Close it, end its sessions, drop it. A missing one is fine. */
int must_check pg_drop_database(struct pg *p, const char *database, struct err *e);
