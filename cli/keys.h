/* keys.h — the keys of destinations, read with the caller's rights. */
#pragma once

#include "cli/cli.h"

/* As job_read_secret_here. A credential of the unit is found where the unit has it from when we are not
 * inside the unit ourselves (LoadCredential= of synbakd.service). */
int must_check key_read(const struct secret_ref *ref, bool lines, struct secret *ret,
                        struct err *e);
/* The file that a reference ends up in, owned; NULL when it is no file. */
char *key_file(const struct secret_ref *ref);
/* "file:/etc/synbak/key", "none"; a command's arguments are left out. Owned. */
char *key_where(const struct secret_ref *ref);
