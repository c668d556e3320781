/* rate.h — upload limits as they are written. Pure.
 *
 *   RATES = WINDOW[, WINDOW ...]     WINDOW = RATE [HH:MM-HH:MM]     RATE = SIZE | none
 *
 *   "2M 08:00-18:00, 20M"   "none 22:00-06:00, 5M"   "5M"
 *
 * SIZE is per second. The first window that holds the local time counts; one without times holds
 * always, so nothing may follow it. What they mean on a given day is lib/schedule/upload.h's. */
#pragma once

#include "lib/base/buf.h"
#include "lib/config/config.h"

enum { RATE_WINDOWS_MAX = 24, DAY_MIN = 1440 };

/* Each rate that is not `none` lies in [min, max]. *ret is empty before, and after a failure.
 * ERR_CONFIG. */
int must_check rate_parse(const char *text, int64_t min, int64_t max, struct rate_windows *ret,
                          struct err *e);
/* As rate_parse reads it; nothing if there are no windows. */
int must_check rate_print(const struct rate_windows *r, struct buf *out, struct err *e);
void rate_free(struct rate_windows *r);
