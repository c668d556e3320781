/* bare_prune.h — retention at one destination without synbakd, for whoever deletes where the
 * installation that backs up may not (delete = no).
 *
 * The rules are those of the configuration, the sets those that lie there. The marker is left as it
 * is: the destination belongs to the other installation. */
#pragma once

#include "cli/cli.h"

/* prune --destination NAME|PLACE; returns the exit status. Asks before anything goes. */
int must_check bare_prune(struct cli *c, struct err *e);
