/* tree_kept.h — the entries of a present tree that stay where they are, because a restore would bring the same:
 * their paths and what they were when they were found the same.
 *
 * Both who adds and who asks go through the tree in the order of a walk (a folder's entries in the byte order of
 * their names, each folder followed at once by what is in it): some 30 bytes for each path is all it takes. One
 * thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct tree_kept;
struct tree_kept *tree_kept_new(void);    /* owned */
void tree_kept_free(struct tree_kept *k); /* NULL-safe */
void tree_kept_clear(struct tree_kept *k);
/* path: behind all that were added before. */
void tree_kept_add(struct tree_kept *k, const char *path, const struct stat *st);

/* Asking begins anew. */
void tree_kept_rewind(struct tree_kept *k);
enum tree_kept_answer { TREE_KEPT_NO, TREE_KEPT_SAME, TREE_KEPT_CHANGED };
/* now: what it is now. Changed: it is among them, but another file or another content than then (ctime, which
 * nobody can set). */
enum tree_kept_answer tree_kept_ask(struct tree_kept *k, const char *path, const struct stat *now);
/* The first that nobody asked for, in the order of the walk: it is not there any more. NULL: none; valid until the
 * next call. */
const char *tree_kept_missing(struct tree_kept *k);
