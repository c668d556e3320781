/* confirm.h — asking a person before something is replaced. */
#pragma once

#include "cli/render.h"

bool confirm_possible(void); /* stdin and stderr are terminals */
/* Wants `yes` typed. 0, or -1: ERR_REFUSED. The question goes to stderr. */
int must_check confirm_yes(const char *question, struct err *e);
/* Five seconds in which Ctrl-C still stops it. 0, or -1: ERR_CANCELLED. */
int must_check confirm_countdown(struct err *e);
