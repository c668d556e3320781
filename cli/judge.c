#include "cli/judge.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/config/config.h"
#include "lib/schedule/set.h"

static unsigned tiers_of(const json_t *words)
{
    unsigned tiers = 0;
    json_t *word;
    size_t i;

    json_array_foreach(words, i, word)
    {
        int tier = tier_from_word(json_string_value(word) != NULL ? json_string_value(word) : "");
        if (tier >= 0)
            tiers |= 1U << tier;
    }
    return tiers;
}

/* Only what the judgement looks at. */
static void read_set(const json_t *o, struct set *s)
{
    const json_t *sources = json_object_get(o, "sources"), *item;
    size_t i;

    *s = (struct set){.id = mem_strdup(json_opt_string(o, "id", "?")),
                      .destination = mem_strdup(""),
                      .sequence = json_opt_i64(o, "sequence", 0),
                      .tiers = tiers_of(json_object_get(o, "tiers")),
                      .sources = mem_alloc((json_array_size(sources) + 1) * sizeof(*s->sources)),
                      .incomplete = json_opt_bool(o, "incomplete", false),
                      .fragment = json_opt_bool(o, "fragment", false),
                      .accepted = json_opt_bool(o, "accepted", false)};
    (void)clock_parse_set_id(s->id, &s->started);
    json_array_foreach(sources, i, item) s->sources[s->source_count++] =
        (struct set_source){.name = mem_strdup(json_opt_string(item, "name", "?")),
                            .whole = json_opt_bool(item, "whole", true),
                            .stored_bytes = (uint64_t)json_opt_i64(item, "stored_bytes", 0),
                            .raw_bytes = (uint64_t)json_opt_i64(item, "raw_bytes", 0)};
}

void judge_sets(json_t *list, int percent)
{
    struct sets sets = {.count = json_array_size(list)};

    sets.items = mem_alloc((sets.count + 1) * sizeof(*sets.items));
    for (size_t i = 0; i < sets.count; i++)
        read_set(json_array_get(list, i), &sets.items[i]);
    sets_classify(&sets, percent);
    for (size_t i = 0; i < sets.count; i++)
        (void)json_object_set_new(json_array_get(list, i), "state",
                                  json_string(set_state_word(sets.items[i].state)));
    sets_deinit(&sets);
}
