#include "daemon/alarm.h"

#include "daemon/daemon.h"
#include "daemon/status_problems.h"

enum { LOOK_US = 60 * 1000000, WARNING = 1, CRITICAL = 2, TEXT_MAX = 2048 };

struct alarms {
    json_t *levels; /* "job NAME", "destination NAME" -> level that has been told */
    struct mono looked;
};

struct alarms *alarms_new(void)
{
    struct alarms *a = mem_alloc(sizeof(*a));

    a->levels = json_object();
    return a;
}

void alarms_free(struct alarms *a)
{
    if (a == NULL)
        return;
    json_decref(a->levels);
    free(a);
}

/* The texts of a destination name it themselves. */
static void say(struct daemon *d, const struct log_fields *fields, const char *what,
                const struct problems *p)
{
    struct buf all = BUF_INIT(TEXT_MAX);
    json_t *text;
    size_t i;

    json_array_foreach(p->texts, i, text)
    {
        if (buf_printf(&all, NULL, "%s%s", i > 0 ? "; " : "", json_string_value(text)) < 0)
            break;
    }
    if (p->level == 0)
        log_write(d->log, LOG_LEVEL_INFO, LOG_ALARM_OVER, fields, "%s is all right again", what);
    else
        log_write(d->log, p->level == CRITICAL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, LOG_ALARM,
                  fields, "%s%s%s", fields->job != NULL ? what : "",
                  fields->job != NULL ? ": " : "", all.data != NULL ? (const char *)all.data : "");
    buf_deinit(&all);
}

/* Each rise is told, and the end. `quiet`: up to this level it is no news at the first look. */
static void compare(struct alarms *a, struct daemon *d, const struct log_fields *fields,
                    const char *what, int quiet, const struct problems *p)
{
    const json_t *known = json_object_get(a->levels, what);
    int told = known != NULL ? (int)json_integer_value(known) : p->level < quiet ? p->level : quiet;

    if (p->level > told || (p->level == 0 && told > 0 && known != NULL))
        say(d, fields, what, p);
    if (known == NULL || p->level != told)
        (void)json_object_set_new(a->levels, what, json_integer(p->level));
    json_decref(p->texts);
}

static void look_at_job(struct alarms *a, struct daemon *d, const struct job *job)
{
    const struct log_fields fields = {.job = job->name};
    struct problems problems = {.texts = json_array()};
    struct planner_view view;
    _cleanup_free_ char *what = mem_printf("job \"%s\"", job->name);

    if (planner_view(d->planner, job->name, clock_wall(), &view, NULL) == 0)
        problems_of_job(d, job, &view, &problems);
    compare(a, d, &fields, what, WARNING, &problems); /* a new job was never backed up */
}

static void look_at_destination(struct alarms *a, struct daemon *d, const struct destination *dest)
{
    const struct log_fields fields = {.destination = dest->name};
    struct problems problems = {.texts = json_array()};
    _cleanup_free_ char *what = mem_printf("destination \"%s\"", dest->name);

    problems_of_destination(d, dest, &problems);
    compare(a, d, &fields, what, 0, &problems);
}

void alarms_look(struct alarms *a, struct daemon *d, bool now)
{
    if (d->stopping || (!now && clock_mono().us - a->looked.us < LOOK_US))
        return;
    a->looked = clock_mono();
    for (size_t i = 0; i < d->config->job_count; i++)
        look_at_job(a, d, d->config->jobs[i]);
    for (size_t i = 0; i < d->config->destination_count; i++)
        look_at_destination(a, d, d->config->destinations[i]);
}
