/* card.h — what a recovery card says of one destination: where it is, and the commands that bring its
 * sets back on a bare machine. Used by key card and key add. */
#pragma once

#include "cli/render.h"
#include "lib/config/config.h"

void card_print_place(const struct screen *s, const struct destination *d);
/* key: what --key is on that machine: "file:KEY" with the key in a file KEY, "ask" for the code of the card,
 * "none". job: whose sets. */
void card_print_commands(const struct screen *s, const struct destination *d, const char *key,
                         const char *job);
