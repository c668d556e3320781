/* bare_place.h — a destination that the command line names, without any configuration:
 * a folder, s3://BUCKET/PREFIX or sftp://USER@HOST[:PORT]/PATH, and the options that open it. */
#pragma once

#include "cli/cli.h"

/* A folder's path or an address, not the name of a configured destination. */
bool bare_is_place(const char *text);
/* The destination of --destination, --key and the options of its kind; free it by bare_place_free.
 * ERR_USAGE names the option that is missing or wrong. */
int must_check bare_place_parse(struct cli *c, struct destination **ret, struct err *e);
void bare_place_free(struct destination *d); /* NULL-safe */
