/* set_view.h — the two read-only stores behind set_source.c. */
#pragma once

#include "lib/store/store.h"

/* Shows what lies below `root` ("" or "x/y/") of inner as JOB/ID/...; takes inner. */
struct store *set_view_new(struct store *inner, const char *root, const char *job, const char *id);

/* The regular files of a tar file as objects, and the folder of its one manifest.json ("" or
 * "x/y/", owned). ERR_FORMAT: no tar file, or no set, or several. ERR_DAMAGED: cut short. */
int must_check set_tar_open(const char *path, struct store **ret, char **ret_root, struct err *e);
