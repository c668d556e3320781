/* report.h — telling that a run begins and how it went: lines in the log, pings. */
#pragma once

#include "daemon/run.h"

void report_begun(struct daemon *d, const struct run *r); /* a backup: the ping */
void report_run(struct daemon *d, const struct run *r);
