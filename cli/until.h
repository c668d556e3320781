/* until.h — a moment as people write it. */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/err.h"

/* A time span from now ("2h", "7d"), a date ("2026-12-01": its first moment, UTC) or an instant
 * ("2026-12-01T06:00:00Z"); it must lie ahead. ERR_USAGE. */
int must_check until_parse(const char *text, struct wall now, char ret_iso[32], struct err *e);
