/* report.h — telling how a run went: one line in the log, one ping. */
#pragma once

#include "daemon/run.h"

void report_run(struct daemon *d, const struct run *r);
