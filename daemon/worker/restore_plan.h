/* restore_plan.h — which artifacts of a set come back, in which order, to where; and the plan in
 * words. Used by restore.c. */
#pragma once

#include "daemon/worker/restore_item.h"

struct restore_plan {
    /* from the job; borrowed */
    const json_t *job;
    enum restore_mode mode;
    const char *target, *database, *uri, *run, *state_dir, *safety_copy;
    bool replace, yes;
    struct strlist sources, tables, stop, start, check;

    const struct manifest *manifest; /* borrowed */
    struct restore_item *items;
    size_t count;
    bool replaces; /* some item has something in its place */
};

/* Read the job's options. */
int must_check restore_plan_read(const json_t *job, struct restore_plan *ret, struct err *e);
/* Choose and order the artifacts, and let each plan itself. ERR_NOT_FOUND: an unknown source.
 * ERR_REFUSED: an item cannot be brought back as asked, or there is no room. */
int must_check restore_plan_make(struct restore_plan *p, struct worker *w, struct set_reader *set,
                                 struct err *e);
char *restore_plan_text(const struct restore_plan *p); /* owned; several lines */
void restore_plan_deinit(struct restore_plan *p);
