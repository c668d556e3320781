/* bare_verify.h — verify without synbakd: a file, or sets where they lie. */
#pragma once

#include "cli/target.h"

/* Verify a file, or a set or --all: at --destination PLACE, or at the configured destinations, each of them or the
 * one that --destination names; what is not there or does not answer is said. Returns the exit status. */
int must_check bare_verify(struct cli *c, struct target *t, struct err *e);
