/* tree_ahead.h — threads that scan the folders of a tree shortly before the walk comes to them.
 * Private to the walk, whose thread makes all calls.
 *
 * Bounded: at most TREE_AHEAD_FOLDERS folders, and no further one while these hold TREE_AHEAD_ENTRIES entries (a folder is listed whole, however large). The
 * nearest folder that nobody has taken is always next. Who would have to wait scans another
 * meanwhile; without helpers, or where no thread can be had, all is done in turn. */
#pragma once

#include "lib/tree/tree_scan.h"

enum { TREE_AHEAD_FOLDERS = 128, TREE_AHEAD_ENTRIES = 65536 };

struct tree_ahead;
/* The walk begins at root, which was scanned with scanner. The helpers go by that one's rules and
 * bounds. All are borrowed. */
struct tree_ahead *tree_ahead_new(struct tree_scanner *scanner, struct tree_scan *root,
                                  unsigned helpers);
/* Enter the folder that is entry `index` of the one the walk is in: scanned, borrowed. Entries are
 * entered in their order. Blocks. */
struct tree_scan *tree_ahead_enter(struct tree_ahead *a, size_t index);
/* The walk has no descriptor left: close what was opened ahead, and go on without helpers. False:
 * there is nothing to be had. */
bool tree_ahead_give_up(struct tree_ahead *a);
/* Leave the folder that the walk is in for its parent, and free it. Whoever leaves one before its
 * end must leave all: it ends the helpers. Blocks until they have. */
void tree_ahead_leave(struct tree_ahead *a);
void tree_ahead_free(struct tree_ahead *a); /* NULL-safe; ends the helpers, blocks likewise */
