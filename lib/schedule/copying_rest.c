/* copying_rest.c — see copying_rest.h. Retention passes over copies of the sets until nothing goes any
 * more; what it takes for good or suspect depends on what else is there. */
#include "lib/schedule/copying_rest.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/retention.h"

static struct set as_if_there(const struct set *s, const char *destination)
{
    struct set copy = *s; /* shallow: what it points to belongs to the input */

    copy.destination = (char *)(uintptr_t)destination;
    copy.in_use = false; /* what is being read now will not be for ever */
    return copy;
}

static struct sets imagine(const struct copying_input *in, const char *to,
                           const struct set *const *more, size_t more_count)
{
    struct sets there = {0};

    there.items = mem_alloc((in->sets->count + more_count + 1) * sizeof(*there.items));
    for (size_t i = 0; i < in->sets->count; i++)
        if (strcmp(in->sets->items[i].destination, to) == 0)
            there.items[there.count++] = as_if_there(&in->sets->items[i], to);
    for (size_t i = 0; i < more_count; i++) {
        there.items[there.count] = as_if_there(more[i], to);
        there.items[there.count++].verified.us = 0; /* that was another copy */
    }
    return there;
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct set *const *)a;
    uintptr_t y = (uintptr_t) * (const struct set *const *)b;

    return (x > y) - (x < y);
}

/* Take out what the plan removes. Returns how many. */
static size_t carry_out(struct sets *there, const struct retention_plan *plan)
{
    _cleanup_free_ const struct set **gone = mem_alloc((plan->count + 1) * sizeof(*gone));
    size_t n = 0, left = 0;

    for (size_t i = 0; i < plan->count; i++)
        if (plan->verdicts[i].remove)
            gone[n++] = plan->verdicts[i].set;
    qsort(gone, n, sizeof(*gone), compare_pointers);
    for (size_t i = 0; i < there->count && n > 0; i++) {
        const struct set *s = &there->items[i];
        if (bsearch(&s, gone, n, sizeof(*gone), compare_pointers) == NULL)
            there->items[left++] = *s;
    }
    if (n > 0)
        there->count = left;
    return n;
}

/* Passes until one removes nothing. */
static int repeat_passes(const struct copying_input *in, const struct job *job, const char *to,
                         struct sets *there, struct err *e)
{
    size_t removed;

    do {
        struct retention_plan plan;
        sets_classify(there, job->size_drop_percent);
        const struct retention_input asked = {.job = job,
                                              .sets = there,
                                              .destination = to,
                                              .now = in->now,
                                              .timezone = in->timezone,
                                              .clock_in_doubt = in->clock_in_doubt};
        if (retention_decide(&asked, &plan, e) < 0)
            return -1;
        removed = carry_out(there, &plan);
        retention_plan_deinit(&plan);
    } while (removed > 0);
    return 0;
}

/* First without a bound on what one pass removes, for there may be much. Then as it will be: a pass
 * that removes less at a time needs fewer witnesses of what is a usual size, and may let some go. */
static int let_rest(const struct copying_input *in, const char *to, struct sets *there,
                    struct err *e)
{
    struct job job = *in->job;

    job.max_delete = 0;
    if (repeat_passes(in, &job, to, there, e) < 0)
        return -1;
    return in->job->max_delete > 0 ? repeat_passes(in, in->job, to, there, e) : 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int copying_rest_ask(const struct copying_input *in, const char *to, const struct set *const *more,
                     size_t more_count, struct copying_rest *ret, struct err *e)
{
    struct sets there = imagine(in, to, more, more_count);
    int rc = let_rest(in, to, &there, e);

    *ret = (struct copying_rest){0};
    if (rc == 0) {
        const struct set *latest = sets_latest(&there, NULL);
        ret->latest = latest != NULL ? latest->id : NULL;
        ret->ids = mem_alloc((there.count + 1) * sizeof(*ret->ids));
        for (size_t i = 0; i < there.count; i++)
            ret->ids[ret->count++] = there.items[i].id;
        qsort(ret->ids, ret->count, sizeof(*ret->ids), by_id);
    }
    free(there.items);
    return rc;
}

bool copying_rest_has(const struct copying_rest *r, const char *id)
{
    return r->count > 0 && bsearch(&id, r->ids, r->count, sizeof(*r->ids), by_id) != NULL;
}

void copying_rest_deinit(struct copying_rest *r)
{
    if (r == NULL)
        return;
    free(r->ids);
    *r = (struct copying_rest){0};
}
