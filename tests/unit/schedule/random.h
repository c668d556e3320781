/* random.h — random histories of jobs: the same for the same seed everywhere. */
#pragma once

#include "lib/config/config.h"

static uint64_t random_state;

static inline void random_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

static inline unsigned rnd(unsigned below) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

/* Half of the tiers, each with a number to keep below `most`, or all of them. */
static inline void random_tiers(struct job *job, unsigned most)
{
    for (int tier = 0; tier < TIER_COUNT; tier++)
        job->tiers[tier] = (struct tier_rule){.on = rnd(2) == 0,
                                              .keep = rnd(8) == 0 ? KEEP_FOREVER : (int)rnd(most)};
}
