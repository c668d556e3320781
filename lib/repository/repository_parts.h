/* repository_parts.h — what the files repository*.c share. */
#pragma once

#include "lib/repository/repository.h"

#define REPOSITORY_NAME   "repository.json"
#define REPOSITORY_FORMAT "synbak repository"
enum { REPOSITORY_VERSION = 1 };

/* repository.json, written unless it is there. */
/* Where no repository.json is: ERR_FORMAT if the rest of a repository is there all the same. Blocks. */
int must_check repository_check_remains(struct store *s, struct err *e);
int must_check repository_begin(struct store *s, char ret_id[33], struct err *e);
