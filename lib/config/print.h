/* print.h — the printer's choices that config_print does not offer. */
#pragma once

#include "lib/base/buf.h"
#include "lib/config/config.h"

/* As config_print, with the passwords that stand in connection strings: for the caller's own
 * eyes, and for comparing two configurations. Wipe `out`. */
int must_check config_print_secret(const struct config *c, struct buf *out, struct err *e);
