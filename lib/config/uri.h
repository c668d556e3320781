/* uri.h — libpq connection strings, as far as they need to be understood without libpq: in
 * which places a password may stand. Both forms of libpq-connect(3): URI and key = value. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* ERR_CONFIG if it is neither form. The text is not repeated: it may hold a password. */
int must_check uri_check(const char *uri, struct err *e);
bool uri_has_password(const char *uri);
/* The same with *** for every password. Owned. When in doubt more is hidden rather than less. */
char *uri_redact(const char *uri);
