#include "daemon/clock_watch.h"

#include <stdio.h>

#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/record.h"

static const int64_t BACK_US = 300LL * 1000000, AHEAD_US = 86400LL * 1000000,
                     JUMP_US = 30LL * 1000000, IN_SYNC_US = 3600LL * 1000000;

bool clock_watch_in_doubt(const struct clock_watch *c)
{
    return c->in_doubt;
}

static void doubt(struct daemon *d, int64_t moved_us, const char *against)
{
    struct clock_watch *c = &d->clock;
    char span[32];

    (void)str_duration((moved_us < 0 ? -moved_us : moved_us) / 1000000, span);
    (void)snprintf(c->why, sizeof(c->why), "the clock is %s %s of %s", span,
                   moved_us < 0 ? "behind" : "ahead", against);
    c->in_doubt = true;
    c->in_sync_since.us = 0;
    log_write(d->log, LOG_LEVEL_WARNING, LOG_CLOCK_IN_DOUBT, NULL,
              "%s: what goes by age waits (synbakctl clock-accept, if it is right)", c->why);
    daemon_post(d, json_pack("{s:s,s:s}", "type", RECORD_CLOCK_IN_DOUBT, "why", c->why), NULL,
                NULL);
}

static void judge(struct daemon *d, int64_t moved_us, const char *against)
{
    if (moved_us < -BACK_US || (moved_us > AHEAD_US && !clock_is_synchronised()))
        doubt(d, moved_us, against);
}

void clock_watch_start(struct daemon *d, struct wall journal)
{
    struct clock_watch *c = &d->clock;
    const json_t *last = history_clock(d->history);

    c->wall = clock_wall();
    c->mono = clock_mono();
    if (last != NULL && str_equal(json_opt_string(last, "type", ""), RECORD_CLOCK_IN_DOUBT)) {
        c->in_doubt = true;
        (void)snprintf(c->why, sizeof(c->why), "%s", json_opt_string(last, "why", ""));
    }
    if (journal.us != 0)
        judge(d, c->wall.us - journal.us, "the journal");
}

static void end_doubt_when_in_sync(struct daemon *d)
{
    struct clock_watch *c = &d->clock;

    if (!clock_is_synchronised()) {
        c->in_sync_since.us = 0;
        return;
    }
    if (c->in_sync_since.us == 0)
        c->in_sync_since = c->mono;
    if (c->mono.us - c->in_sync_since.us < IN_SYNC_US)
        return;
    c->in_doubt = false;
    log_info(d->log, "the clock has been in sync for an hour and is trusted again");
    daemon_post(d,
                json_pack("{s:s,s:s}", "type", RECORD_CLOCK_TRUSTED, "why", "in sync for an hour"),
                NULL, NULL);
}

bool clock_watch_look(struct daemon *d)
{
    struct clock_watch *c = &d->clock;
    struct wall wall = clock_wall();
    struct mono mono = clock_mono();
    int64_t moved_us = (wall.us - c->wall.us) - (mono.us - c->mono.us);

    c->wall = wall;
    c->mono = mono;
    judge(d, moved_us, "where it was");
    if (c->in_doubt)
        end_doubt_when_in_sync(d);
    return moved_us > JUMP_US || moved_us < -JUMP_US;
}

void clock_watch_accept(struct daemon *d)
{
    d->clock.in_doubt = false;
    d->clock.wall = clock_wall();
    d->clock.mono = clock_mono();
}
