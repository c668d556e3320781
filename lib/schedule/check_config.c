/* check_config.c — every calendar text and time zone of a configuration, for `config check`. */
#include "lib/base/mem.h"
#include "lib/schedule/calendar.h"

static void freep_calendar(struct calendar **c)
{
    calendar_free(*c);
}

static void freep_zone(struct zone **z)
{
    zone_free(*z);
}

/* Put where it stands before the error and keep it; the first also goes to *first. */
static void note(const struct origin *at, const char *owner, const char *option, struct err *found,
                 struct strlist *errors, struct err *first)
{
    const char *file = at->file != NULL ? at->file : "configuration";

    if (owner != NULL)
        (void)err_wrap(found, "%s:%d: job \"%s\": %s", file, at->line, owner, option);
    else
        (void)err_wrap(found, "%s: %s", file, option);
    found->code = ERR_CONFIG;
    if (errors != NULL)
        strlist_add(errors, found->text);
    if (first->code == ERR_NONE)
        *first = *found;
}

static void check_zone(const char *name, const struct origin *at, const char *owner,
                       struct strlist *errors, struct err *first)
{
    _cleanup_(freep_zone) struct zone *z = NULL;
    struct err found = {0};

    if (zone_load(name, &z, &found) < 0)
        note(at, owner, "timezone", &found, errors, first);
}

static void check_rule(const struct tier_rule *rule, int tier, const char *owner,
                       struct strlist *errors, struct err *first)
{
    _cleanup_(freep_calendar) struct calendar *c = NULL;
    struct err found = {0};

    if (rule->on && calendar_compile(rule->when, tier, &c, &found) < 0)
        note(&rule->at, owner, tier == CALENDAR_VERIFY ? "verify" : tier_word(tier), &found, errors,
             first);
}

int schedule_check_config(const struct config *c, struct strlist *errors, struct err *e)
{
    struct err first = {0};

    check_zone(c->timezone, &(struct origin){.file = c->file}, NULL, errors, &first);
    for (size_t i = 0; i < c->job_count; i++) {
        const struct job *job = c->jobs[i];
        if (job->timezone != NULL)
            check_zone(job->timezone, &job->at, job->name, errors, &first);
        for (int tier = 0; tier < TIER_COUNT; tier++)
            check_rule(&job->tiers[tier], tier, job->name, errors, &first);
        check_rule(&job->verify, CALENDAR_VERIFY, job->name, errors, &first);
    }
    if (first.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = first;
    return -1;
}
