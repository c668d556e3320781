/* repository_parts.h — what the files repository*.c share. */
#pragma once

#include "lib/repository/repository.h"

#define REPOSITORY_NAME   "repository.json"
#define REPOSITORY_FORMAT "synbak repository"
enum { REPOSITORY_VERSION = 1 };

/* repository.json, written unless it is there. */
int must_check repository_begin(struct store *s, char ret_id[33], struct err *e);
