/* stretched.h — what workers stretched the keys of repositories to (slots_open), for the workers after them:
 * stretching takes a tenth of a second and more, and a run has several workers. As secret as the key, in memory
 * alone, and wiped whenever no work is under way: the key itself is read anew for each piece of work. */
#pragma once

#include "lib/base/secret.h"

struct stretched;

struct stretched *stretched_new(void);
void stretched_free(struct stretched *s); /* wipes; NULL-safe */
/* Borrowed until the next note or wipe; NULL: nothing is known of that destination. */
const char *stretched_find(const struct stretched *s, const char *destination);
void stretched_note(struct stretched *s, const char *destination, const char *text);
void stretched_wipe(struct stretched *s);
