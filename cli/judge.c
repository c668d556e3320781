#include "cli/judge.h"

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/config/config.h"

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

static struct wall moment_of(const json_t *o, const char *key)
{
    const char *text = json_opt_string(o, key, NULL);
    struct wall t = {0};

    if (text == NULL || clock_parse_iso8601(text, &t) < 0)
        return (struct wall){0};
    return t;
}

static void read_set(const json_t *o, const char *destination, struct set *s)
{
    const json_t *sources = json_object_get(o, "sources"), *item;
    size_t i;

    *s = (struct set){.id = mem_strdup(json_opt_string(o, "id", "?")),
                      .destination = mem_strdup(destination),
                      .sequence = json_opt_i64(o, "sequence", 0),
                      .tiers = tiers_of(json_object_get(o, "tiers")),
                      .sources = mem_alloc((json_array_size(sources) + 1) * sizeof(*s->sources)),
                      .incomplete = json_opt_bool(o, "incomplete", false),
                      .fragment = json_opt_bool(o, "fragment", false),
                      .stays = json_opt_bool(o, "stays", false),
                      .accepted = json_opt_bool(o, "accepted", false),
                      .shares = json_opt_bool(o, "shares", false),
                      .pinned = json_opt_bool(o, "pinned", false),
                      .pin_until = moment_of(o, "pin_until"),
                      .pin_reason = mem_strdup(json_opt_string(o, "pin_reason", NULL)),
                      .finished = moment_of(o, "finished")};
    (void)clock_parse_set_id(s->id, &s->started);
    json_array_foreach(sources, i, item) s->sources[s->source_count++] =
        (struct set_source){.name = mem_strdup(json_opt_string(item, "name", "?")),
                            .whole = json_opt_bool(item, "whole", true),
                            .stored_bytes = (uint64_t)json_opt_i64(item, "stored_bytes", 0),
                            .raw_bytes = (uint64_t)json_opt_i64(item, "raw_bytes", 0)};
}

void judge_read(const json_t *list, const char *destination, int percent, struct sets *ret)
{
    *ret = (struct sets){.count = json_array_size(list)};
    ret->items = mem_alloc((ret->count + 1) * sizeof(*ret->items));
    for (size_t i = 0; i < ret->count; i++)
        read_set(json_array_get(list, i), destination, &ret->items[i]);
    sets_classify(ret, percent);
}

void judge_sets(json_t *list, int percent)
{
    struct sets sets;

    judge_read(list, "", percent, &sets);
    for (size_t i = 0; i < sets.count; i++)
        (void)json_object_set_new(json_array_get(list, i), "state",
                                  json_string(set_state_word(sets.items[i].state)));
    sets_deinit(&sets);
}
