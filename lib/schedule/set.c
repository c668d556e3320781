/* set.c — what a set is worth: the states of design section "Good, incomplete, suspect".
 *
 * Each destination is walked by sequence number. For each source the stored sizes of the last good
 * sets are kept; a set far under their median is suspect. An accepted set, or three suspects in a
 * row of like size, show that the new size is right: they are good, and the sizes before them
 * count no more. Such sets are marked `confirms`, because without them their followers would be
 * suspect again; retention keeps them while anything older stands. */
#include "lib/schedule/set.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/config.h"

enum { MEDIAN_OF = 10, SUSPECTS_TO_CONFIRM = 3 };

struct level { /* the usual size of one source */
    const char *source;
    uint64_t sizes[MEDIAN_OF]; /* a ring, newest at (count - 1) % MEDIAN_OF */
    size_t count;
};

struct walk { /* over one destination */
    struct level *levels;
    size_t level_count;
    struct set *row[SUSPECTS_TO_CONFIRM]; /* the suspects in a row so far */
    size_t row_count;
    int drop_percent;
};

const char *set_state_word(enum set_state s)
{
    static const char *const words[] = {
        [SET_GOOD] = "good",         [SET_INCOMPLETE] = "incomplete", [SET_SUSPECT] = "suspect",
        [SET_FRAGMENT] = "fragment", [SET_DAMAGED] = "damaged",
    };

    return words[s];
}

void set_deinit(struct set *s)
{
    if (s == NULL)
        return;
    free(s->id);
    free(s->destination);
    free(s->pin_reason);
    for (size_t i = 0; i < s->source_count; i++)
        free(s->sources[i].name);
    free(s->sources);
    *s = (struct set){0};
}

void sets_deinit(struct sets *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        set_deinit(&s->items[i]);
    free(s->items);
    *s = (struct sets){0};
}

bool set_is_pre_restore(const struct set *s)
{
    return (s->tiers >> TIER_PRE_RESTORE & 1) != 0;
}

const struct set_source *set_source_find(const struct set *s, const char *name)
{
    for (size_t i = 0; i < s->source_count; i++)
        if (strcmp(s->sources[i].name, name) == 0)
            return &s->sources[i];
    return NULL;
}

static struct level *level_of(struct walk *w, const char *source)
{
    for (size_t i = 0; i < w->level_count; i++)
        if (strcmp(w->levels[i].source, source) == 0)
            return &w->levels[i];
    w->levels = mem_resize_array(w->levels, w->level_count + 1, sizeof(*w->levels));
    w->levels[w->level_count] = (struct level){.source = source};
    return &w->levels[w->level_count++];
}

static int compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t median(const struct level *l)
{
    uint64_t sorted[MEDIAN_OF];
    size_t n = l->count < MEDIAN_OF ? l->count : MEDIAN_OF;

    if (n == 0)
        return 0;
    memcpy(sorted, l->sizes, n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), compare_sizes);
    if (n % 2 == 1)
        return sorted[n / 2];
    return sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2 + (sorted[n / 2 - 1] & sorted[n / 2] & 1);
}

/* size < percent/100 of whole, without overflow. */
static bool is_under(uint64_t size, uint64_t whole, int percent)
{
    return (unsigned __int128)size * 100 < (unsigned __int128)whole * (unsigned)percent;
}

/* What a source's size is judged by: where sets share what is stored, what was read. */
static uint64_t size_of(const struct set *s, size_t i)
{
    return s->shares ? s->sources[i].raw_bytes : s->sources[i].stored_bytes;
}

static bool is_small(struct walk *w, const struct set *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        if (is_under(size_of(s, i), median(level_of(w, s->sources[i].name)), w->drop_percent))
            return true;
    return false;
}

static void learn(struct walk *w, const struct set *s)
{
    for (size_t i = 0; i < s->source_count; i++) {
        struct level *l = level_of(w, s->sources[i].name);
        l->sizes[l->count++ % MEDIAN_OF] = size_of(s, i);
    }
}

/* The sizes before no longer say what is usual: forget those that made this set look small. */
static void start_new_level(struct walk *w, const struct set *s)
{
    for (size_t i = 0; i < s->source_count; i++) {
        struct level *l = level_of(w, s->sources[i].name);
        if (is_under(size_of(s, i), median(l), w->drop_percent))
            l->count = 0;
    }
}

static bool are_alike(const struct set *a, const struct set *b, int percent)
{
    if (a->source_count != b->source_count)
        return false;
    for (size_t i = 0; i < a->source_count; i++) {
        const struct set_source *other = set_source_find(b, a->sources[i].name);
        uint64_t size = size_of(a, i);
        if (other == NULL)
            return false;
        uint64_t before = size_of(b, (size_t)(other - b->sources));
        if (is_under(size, before, percent) || is_under(before, size, percent))
            return false;
    }
    return true;
}

static void confirm_row(struct walk *w)
{
    start_new_level(w, w->row[0]);
    for (size_t i = 0; i < w->row_count; i++) {
        w->row[i]->state = SET_GOOD;
        w->row[i]->confirms = true;
        learn(w, w->row[i]);
    }
    w->row_count = 0;
}

static void judge_small(struct walk *w, struct set *s)
{
    s->state = SET_SUSPECT;
    if (w->row_count > 0 && !are_alike(w->row[0], s, w->drop_percent))
        w->row_count = 0;
    w->row[w->row_count++] = s;
    if (w->row_count == SUSPECTS_TO_CONFIRM)
        confirm_row(w);
}

static void judge(struct walk *w, struct set *s)
{
    s->confirms = false;
    if (s->damaged) {
        s->state = SET_DAMAGED;
    } else if (s->fragment) {
        s->state = SET_FRAGMENT;
    } else if (s->incomplete) {
        s->state = SET_INCOMPLETE;
    } else if (set_is_pre_restore(s)) {
        s->state = SET_GOOD; /* the broken state before a restore says nothing about sizes */
    } else if (is_small(w, s) && !s->accepted) {
        judge_small(w, s);
    } else {
        s->state = SET_GOOD;
        s->confirms = is_small(w, s);
        start_new_level(w, s);
        learn(w, s);
        w->row_count = 0;
    }
}

static int compare_sets(const void *a, const void *b)
{
    const struct set *x = *(struct set *const *)a, *y = *(struct set *const *)b;
    int order = strcmp(x->destination, y->destination);

    if (order != 0)
        return order;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return strcmp(x->id, y->id);
}

void sets_classify(struct sets *s, int drop_percent)
{
    _cleanup_free_ struct set **order = mem_alloc((s->count + 1) * sizeof(struct set *));
    struct walk w = {.drop_percent = drop_percent};

    for (size_t i = 0; i < s->count; i++)
        order[i] = &s->items[i];
    qsort(order, s->count, sizeof(struct set *), compare_sets);
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0 && strcmp(order[i]->destination, order[i - 1]->destination) != 0)
            w.level_count = w.row_count = 0;
        judge(&w, order[i]);
    }
    free(w.levels);
}

const struct set *sets_latest(const struct sets *s, const char *destination)
{
    const struct set *latest = NULL;

    for (size_t i = 0; i < s->count; i++) {
        const struct set *set = &s->items[i];
        if (set->state != SET_GOOD || set_is_pre_restore(set) ||
            (destination != NULL && strcmp(set->destination, destination) != 0))
            continue;
        if (latest == NULL || set->sequence > latest->sequence)
            latest = set;
    }
    return latest;
}
