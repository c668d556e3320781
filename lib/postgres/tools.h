/* tools.h — PostgreSQL's own programs: where they are, and whether they are good enough. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

enum pg_tool { PG_DUMP, PG_DUMPALL, PG_RESTORE, PG_PSQL };

struct pg_program {
    char *path; /* owned */
    int major, minor;
    char *version; /* owned: "15.20" */
};

/* The program for a server (PQserverVersion form): of its own major version from the usual places
 * of Debian and Red Hat, else one of that version or newer from PATH; with bin_dir, from there
 * alone. ERR_SOURCE, before anything is run, with the package to install, if it is missing or
 * older than the server. Runs `PROGRAM --version`: blocks for at most 10 s. */
int must_check pg_tool_find(enum pg_tool tool, int server_version, const char *bin_dir,
                            struct pg_program *ret, struct err *e);
void pg_program_deinit(struct pg_program *p); /* NULL-safe on members */

/* SQL text from a dump may hold psql commands that a hostile server put there. Since 13.22, 14.19,
 * 15.14, 16.10 and 17.6 psql and pg_dump close that hole; an older psql is ERR_SOURCE. */
/* Since the minor versions of August 2025 pg_dump writes \restrict into SQL text, and psql obeys it. */
bool pg_program_restricts(const struct pg_program *p);
int must_check pg_psql_is_safe(const struct pg_program *psql, struct err *e);

/* "15.20", "17beta1", "9.6.24" behind "(PostgreSQL) ". For tests. */
int must_check pg_tool_parse_version(const char *text, struct pg_program *ret, struct err *e);
