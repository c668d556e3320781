/* target.h — what an operand means: JOB, JOB/ID, ID, or a file; and who is meant when nothing is
 * said. */
#pragma once

#include "cli/cli.h"

struct target {
    char *job;        /* owned; NULL when it was left out */
    char *id;         /* owned; "latest" unless given */
    const char *file; /* borrowed; a path: then job and id are NULL */
};

/* operand NULL: all left out. ERR_USAGE if it has no such form. */
int must_check target_parse(const char *operand, struct target *ret, struct err *e);
void target_deinit(struct target *t);
bool target_is_path(const char *operand); /* "/x", "./x", "../x", "x.tar" */

/* Fill t->job if it was left out: the only job of the daemon, or of the configuration when no
 * daemon answers. ERR_USAGE naming them when there are several. */
int must_check target_complete(struct cli *c, struct target *t, struct err *e);
/* The first operand parsed and completed. */
int must_check target_of_command(struct cli *c, struct target *ret, struct err *e);
/* {"reason", "job", "id"} of the target. New reference. */
json_t *target_params(const struct cli *c, const struct target *t);

/* The daemon does not know params' job or set: say which is nearest and how to list them. Returns
 * -1 with *e. */
int target_advise(struct cli *c, const json_t *params, struct err *e);
