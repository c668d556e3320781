/* status.h — the parts of the status screen below the jobs (status.c; the rest is cmd_status.c). */
#pragma once

#include "cli/render.h"

enum { LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL };

int64_t level_of(const json_t *o); /* its "level": a number, or its word */
enum tint level_tint(int64_t level);

void status_print_problems(const struct screen *s, const json_t *status);
void status_print_copies(const struct screen *s, const json_t *status); /* status_copies.c */
void status_print_destinations(const struct screen *s, const json_t *status);
void status_print_kept(const struct screen *s, const json_t *status);
