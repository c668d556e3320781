/* tree_replay.h — a tar stream told to a visitor as tree_read tells of a tree, to bring what was stored as one
 * into another form.
 *
 * The visitor's `known`, `spoiled`, `problem` and `note` are not called. Of owners it hears the numbers that
 * stand in the stream. Memory: TREE_WHOLE_MAX. */
#pragma once

#include "lib/tree/tree_read.h"
#include "lib/tree/tree_untar.h"

/* To the verified end of the source. ERR_FORMAT names the member that is refused. */
int must_check tree_replay(tree_source *source, void *source_arg, const struct tree_visitor *v,
                           struct err *e);
