/* listen.h — the control socket to listen on: handed over by the service manager
 * (sd_listen_fds(3)), or made here. Blocking; at start only. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* *ret_fd is listening; *ret_own says that we made the path and remove it in the end. An own socket
 * has mode 0660; one that is there and answers belongs to another daemon (ERR_REFUSED), one that
 * does not is stale and is replaced. */
int must_check listen_open(const char *path, int *ret_fd, bool *ret_own, struct err *e);
