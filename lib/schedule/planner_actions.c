/* planner_actions.c — lists of actions, and the words for outcomes. */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/planner_state.h"

static const char *const outcome_words[] = {
    [OUTCOME_GOOD] = "good",
    [OUTCOME_SUSPECT] = "suspect",
    [OUTCOME_INCOMPLETE] = "incomplete",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_CANCELLED] = "cancelled",
};

const char *run_outcome_word(enum run_outcome o)
{
    return outcome_words[o];
}

int run_outcome_from_word(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(outcome_words); i++)
        if (str_equal(word, outcome_words[i]))
            return (int)i;
    return -1;
}

void actions_clear(struct actions *a)
{
    a->count = 0;
}

void actions_deinit(struct actions *a)
{
    free(a->items);
    *a = (struct actions){0};
}

struct action *actions_add(struct actions *a, enum action_kind kind)
{
    a->items = mem_resize_array(a->items, a->count + 1, sizeof(*a->items));
    a->items[a->count] = (struct action){.kind = kind};
    return &a->items[a->count++];
}

struct action *actions_add_run(struct actions *a, enum action_kind kind,
                               const struct planner_run *run)
{
    struct action *action = actions_add(a, kind);

    (void)snprintf(action->job, sizeof(action->job), "%s", run->job);
    (void)snprintf(action->why, sizeof(action->why), "%s", run->why);
    action->run = run->number;
    action->run_kind = run->kind;
    action->tiers = run->tiers;
    action->retry = run->retry;
    action->fragment = run->fragment;
    return action;
}
