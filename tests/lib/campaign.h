/* campaign.h — one piece of work, broken off at every point where that can be done.
 *
 * The work runs in a process of its own, in a folder of its own, and acknowledges its steps; the
 * check looks at what is left and is told how many steps were acknowledged: those must have
 * lasted, the next one may be there whole or not at all, later ones cannot be. */
#pragma once

struct campaign {
    void (*prepare)(const char *dir);              /* before anything is counted or broken */
    void (*work)(const char *dir);                 /* returns early when something fails */
    void (*check)(const char *dir, unsigned done); /* done: steps acknowledged */
};

/* By work: step number `step`, counted from 1, has returned success. */
void campaign_done(unsigned step);

/* kill -9 before every counted call (in the middle of every write). */
void campaign_kill(const struct campaign *c);
/* Every counted call fails with that errno: once, then once more with all behind it. */
void campaign_fail(const struct campaign *c, int errnum);
/* Room for so many bytes and no more, from none upwards in that step. */
void campaign_fill(const struct campaign *c, unsigned long step, unsigned long upto);
/* Power loss at every change, in all fixed policies and in `mixed` random ones. */
void campaign_cut_power(const struct campaign *c, unsigned mixed);
