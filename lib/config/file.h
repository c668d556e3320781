/* file.h — reading configuration files that decide which programs run with our rights. */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/str.h"

/* The whole file. ERR_CONFIG if it is no regular file, over INI_FILE_MAX, owned by somebody other
 * than root or the user we are, or writable by group or others: who can write it could have any
 * program run. Symbolic links are followed; what counts is the file opened. Wipe `out`. */
int must_check config_file_read(const char *path, struct buf *out, struct err *e);
/* The drop-ins of a configuration file, DIR-OF-FILE/conf.d/NAME.conf in byte order, hidden ones
 * left out. The folder is judged like a file; a missing one gives none. */
int must_check config_file_drop_ins(const char *file, struct strlist *ret, struct err *e);
