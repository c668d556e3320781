/* locks.h — who would make a dump wait. */
#pragma once

#include "lib/postgres/connect.h"

/* One sentence for each session that has held, for at least age_s, a lock in this database that a
 * dump waits for; at most 10. "session 4711 of \"app\" (psql) has locked public.users for 12 min"
 */
int must_check pg_locks_list(struct pg *p, int age_s, struct strlist *ret, struct err *e);
