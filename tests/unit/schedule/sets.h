/* sets.h — sets made from a line of text, for the tests of states and retention.
 *
 *   ID DESTINATION TIERS SOURCE:SIZE[:READ]... [FLAG...]
 *   20261120_020000 local daily+weekly db:100 media:5000 [pinned incomplete]
 *
 * The sequence number is the line's. Flags: incomplete, fragment, accepted, pinned, damaged,
 * in-use, shares, -SOURCE (that source is not whole). */
#pragma once

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/schedule/set.h"
#include "tests/lib/test.h"

static inline unsigned sets_tiers(const char *text)
{
    char copy[128], *position = NULL;
    unsigned tiers = 0;

    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *w = strtok_r(copy, "+", &position); w != NULL; w = strtok_r(NULL, "+", &position))
        if (strcmp(w, "-") != 0)
            tiers |= 1U << tier_from_word(w);
    return tiers;
}

static inline void sets_flag(struct set *s, const char *flag)
{
    s->incomplete |= str_equal(flag, "incomplete");
    s->fragment |= str_equal(flag, "fragment");
    s->accepted |= str_equal(flag, "accepted");
    s->pinned |= str_equal(flag, "pinned");
    s->damaged |= str_equal(flag, "damaged");
    s->in_use |= str_equal(flag, "in-use");
    s->shares |= str_equal(flag, "shares");
    for (size_t i = 0; i < s->source_count && flag[0] == '-'; i++)
        if (str_equal(s->sources[i].name, flag + 1))
            s->sources[i].whole = false;
}

static inline void sets_add_source(struct set *s, const char *word, const char *colon)
{
    const char *read = strchr(colon + 1, ':');

    s->sources = mem_resize_array(s->sources, s->source_count + 1, sizeof(*s->sources));
    s->sources[s->source_count++] = (struct set_source){
        .name = mem_strndup(word, (size_t)(colon - word)),
        .whole = true,
        .stored_bytes = strtoull(colon + 1, NULL, 10),
        .raw_bytes = read != NULL ? strtoull(read + 1, NULL, 10) : 0,
    };
}

static inline void sets_add(struct sets *sets, const char *line)
{
    struct strlist w = {0};
    struct set s = {0};
    struct err e = {0};

    ASSERT_OK(strlist_split(&w, line, &e), e);
    s.id = mem_strdup(w.items[0]);
    s.destination = mem_strdup(w.items[1]);
    s.tiers = sets_tiers(w.items[2]);
    ASSERT_EQ(clock_parse_set_id(s.id, &s.started), 0);
    s.finished = s.started;
    s.sequence = (s.tiers >> TIER_PRE_RESTORE & 1) != 0 ? 0 : (int64_t)sets->count + 1;
    for (size_t i = 3; i < w.count; i++) {
        const char *colon = strchr(w.items[i], ':');
        if (colon != NULL)
            sets_add_source(&s, w.items[i], colon);
        else
            sets_flag(&s, w.items[i]);
    }
    strlist_deinit(&w);
    sets->items = mem_resize_array(sets->items, sets->count + 1, sizeof(s));
    sets->items[sets->count++] = s;
}

/* Lines separated by newlines. */
static inline struct sets sets_from(const char *text)
{
    char *copy = mem_strdup(text), *position = NULL;
    struct sets sets = {0};

    for (char *l = strtok_r(copy, "\n", &position); l != NULL; l = strtok_r(NULL, "\n", &position))
        sets_add(&sets, l);
    free(copy);
    return sets;
}
