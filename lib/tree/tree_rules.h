/* tree_rules.h — which entries of a tree belong to a source: include and exclude patterns.
 *
 *   name        an entry of that name at any depth:            exclude = remote_content
 *   a/b, /a     a path from the root of the tree:              exclude = cache/thumbnails
 *   a/          folders only, also as a path:                  exclude = /tmp/
 *   * ? [abc]   within one name;   ** any number of names:     include = **.conf keys/[a-z]*
 *
 * A folder that matches is meant with everything in it. Without an include everything is taken;
 * with one, what matches it (and the folders on the way). An exclude always wins. */
#pragma once

#include <stdbool.h>

#include "lib/base/str.h"

struct tree_rules; /* immutable after creation; one owner */

/* ERR_CONFIG naming the pattern: empty, or with a "." or ".." part. */
int must_check tree_rules_create(const struct strlist *include, const struct strlist *exclude,
                                 struct tree_rules **ret, struct err *e);
void tree_rules_free(struct tree_rules *r); /* NULL-safe */

enum tree_verdict {
    TREE_TAKE, /* it belongs to the source */
    TREE_PASS, /* a folder that does not, but may hold something that does */
    TREE_SKIP, /* it does not, nor does anything in it */
};
/* path: relative to the root, '/'-separated. inside: a folder above it was included by name.
 * What earlier restores left (".synbak-restore-...") is always skipped. */
enum tree_verdict tree_rules_judge(const struct tree_rules *r, const char *path, bool is_folder,
                                   bool inside);
bool tree_rules_has_include(const struct tree_rules *r);

#define TREE_STAGING_PREFIX ".synbak-restore-"
