/* bare_explain.h — why a set stays, without synbakd. */
#pragma once

#include "cli/target.h"

/* As "explain" answers, from what lies at the configured destinations of the job and the rules of the configuration. What
 * synbakd alone remembers (holds, a clock in doubt) is not known here. */
int must_check bare_explain(struct cli *c, struct target *t, json_t **ret, struct err *e);
