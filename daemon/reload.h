/* reload.h — a new configuration: loaded on the thread pool, kept only if all of it is right. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/str.h"

struct daemon;
struct request;

/* request (may be NULL: a SIGHUP) is answered when it is decided. */
void reload_start(struct daemon *d, struct request *request);
