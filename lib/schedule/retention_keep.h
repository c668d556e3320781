/* retention_keep.h — the rules that keep sets, one function each, over the sets of one destination.
 * Used by retention.c only. */
#pragma once

#include "lib/schedule/calendar.h"
#include "lib/schedule/retention.h"

/* One set on its way to a verdict. `why` stays NULL until a rule keeps the set. */
struct retention_entry {
    const struct set *set;
    char *why;     /* owned: the clause of the first rule that keeps it */
    char *because; /* owned: why no keep rule wants it, for sets that go */
    bool remove;   /* decided in the end, by retention.c */
};

struct retention_holder { /* of a source: where the newest sets are that hold it whole */
    const char *source;
    size_t good;      /* index of an entry; SIZE_MAX: none is good */
    size_t undamaged; /* index of an entry; nothing from before a restore */
};

struct retention_pass {
    const struct retention_input *in;
    const struct zone *zone;
    struct retention_entry *entries; /* newest first, pre-restore sets last */
    size_t count;
    struct retention_holder *holders; /* by source */
    size_t holder_count;
};

bool retention_counts(const struct set *s); /* good, and made by a run of the job */
/* Keep it, unless a rule before did; the text is owned by the entry. */
void retention_keep(struct retention_entry *entry, const char *fmt, ...) printf_like(2, 3);

void retention_find_holders(struct retention_pass *p); /* once, before the rules */

void retention_keep_marked(struct retention_pass *p);   /* pins, sets in use, pre-restore */
void retention_keep_floor(struct retention_pass *p);    /* newest good of each source */
void retention_keep_tiers(struct retention_pass *p);    /* keep N of tiers and manual sets */
void retention_keep_last(struct retention_pass *p);     /* keep_last */
void retention_keep_within(struct retention_pass *p);   /* keep_within */
void retention_keep_not_good(struct retention_pass *p); /* incomplete, suspect, fragment, damaged */
void retention_keep_confirming(struct retention_pass *p); /* last: looks at what the others keep */
