/* cmd_status.c — the one screen for 3 a.m.: the verdict first, one line for each job, then what is
 * wrong and what to do, then the rest. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/status.h"

enum { ROWS_MAX = 24 };

enum tint level_tint(int64_t level)
{
    return level <= LEVEL_OK ? GREEN : level == LEVEL_WARNING ? YELLOW : RED;
}

static const char *level_word(int64_t level)
{
    return level <= LEVEL_OK ? "ok" : level == LEVEL_WARNING ? "warning" : "CRITICAL";
}

/* A level is 0, 1, 2 or its word: both stand in the protocol. */
int64_t level_of(const json_t *o)
{
    const char *word = json_opt_string(o, "level", NULL);

    if (word == NULL)
        return json_opt_i64(o, "level", LEVEL_OK);
    return str_equal(word, "ok")         ? LEVEL_OK
           : str_equal(word, "critical") ? LEVEL_CRITICAL
                                         : LEVEL_WARNING;
}

static void print_verdict(const struct screen *s, const json_t *status)
{
    const json_t *jobs = json_object_get(status, "jobs");
    size_t total = json_array_size(jobs), bad[3] = {0}, i;
    int64_t level = level_of(status);
    json_t *job;

    json_array_foreach(jobs, i, job)
    {
        int64_t l = level_of(job);
        bad[l < 0 || l > 2 ? 2 : l]++;
    }
    say(s, level_tint(level), "%s", level <= LEVEL_OK ? "OK" : level == 1 ? "WARNING" : "CRITICAL");
    if (total == 0)
        say_line(s, PLAIN,
                 ": no job is configured (add a [job NAME] section, then: synbakctl reload)");
    else if (level <= LEVEL_OK)
        say_line(s, PLAIN, total == 1 ? ": the job is protected" : ": all %zu jobs are protected",
                 total);
    else if (total == 1)
        say_line(s, PLAIN, ": see below");
    else if (bad[1] + bad[2] == 0)
        say_line(s, PLAIN, ": the jobs are well, but see below");
    else
        say_line(s, PLAIN, ": of %zu jobs %zu critical, %zu with a warning; see below", total,
                 bad[2], bad[1]);
}

static void add_next(struct table *t, const struct screen *s, const json_t *job)
{
    char when[48];
    const char *retry = json_opt_string(job, "retry_at", NULL);
    const char *next = json_opt_string(job, "next", NULL);
    _cleanup_free_ char *tiers = join_strings(json_object_get(job, "next_tiers"), ", ");

    if (json_is_object(json_object_get(job, "running")))
        table_add(t, BOLD, "running now");
    else if (json_opt_bool(job, "paused", false))
        table_add(t, YELLOW, "paused%s%s",
                  json_opt_string(job, "paused_until", NULL) ? " until " : "",
                  json_opt_string(job, "paused_until", NULL)
                      ? screen_time(s, json_opt_string(job, "paused_until", NULL), when)
                      : "");
    else if (retry != NULL)
        table_add(t, YELLOW, "retry %s", screen_age(s, retry, when));
    else if (next == NULL)
        table_add(t, DIM, "only by trigger");
    else
        table_add(t, PLAIN, "%s%s%s%s", screen_age(s, next, when), tiers[0] != '\0' ? " (" : "",
                  tiers, tiers[0] != '\0' ? ")" : "");
}

static void add_job(struct table *t, const struct screen *s, const json_t *job)
{
    char age[48], size[16];
    const char *until = json_opt_string(job, "recoverable_until", NULL);
    const char *latest = json_opt_string(job, "latest", NULL);
    int64_t level = level_of(job), bytes = json_opt_i64(job, "latest_bytes", 0);

    table_add(t, level == LEVEL_OK ? PLAIN : level_tint(level), "%s",
              json_opt_string(job, "name", "?"));
    table_add(t, level_tint(level), "%s", level_word(level));
    if (until == NULL)
        table_add(t, level == LEVEL_OK ? PLAIN : level_tint(level), "never backed up");
    else
        table_add(t, PLAIN, "%s (%s)", screen_age(s, until, age),
                  json_opt_string(job, "grade", "written"));
    if (latest == NULL)
        table_add(t, PLAIN, "-");
    else
        table_add(t, PLAIN, "%s  %s", latest, str_bytes((uint64_t)(bytes > 0 ? bytes : 0), size));
    add_next(t, s, job);
}

/* The worst first; on a terminal those that are ok stay within a screen. */
static void print_jobs(const struct screen *s, const json_t *jobs)
{
    static const char *const titles[] = {"JOB", "STATE", "RECOVERABLE UNTIL", "LAST GOOD SET",
                                         "NEXT RUN"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles), .indent = "  "};
    json_t *job;
    size_t i, folded = 0;

    if (json_array_size(jobs) == 0)
        return;
    (void)putchar('\n');
    for (int level = LEVEL_CRITICAL; level >= LEVEL_OK; level--)
        json_array_foreach(jobs, i, job)
        {
            bool last = level == LEVEL_OK;
            if (last ? level_of(job) > LEVEL_OK : level_of(job) != level)
                continue;
            if (last && s->terminal && t.count / t.columns >= ROWS_MAX)
                folded++;
            else
                add_job(&t, s, job);
        }
    table_print(s, &t);
    if (folded > 0)
        say_line(s, DIM, "  and %zu more that are ok (synbakctl status JOB)", folded);
}

static void print_running(const struct screen *s, const char *name, const json_t *run)
{
    char age[48], done_text[16], total_text[16];
    int64_t done = json_opt_i64(run, "done", 0), total = json_opt_i64(run, "total", 0);

    say(s, PLAIN, "  %s: run %lld, %s", name, (long long)json_opt_i64(run, "run", 0),
        json_opt_string(run, "step", "starting"));
    if (done > 0)
        say(s, PLAIN, ", %s", str_bytes((uint64_t)done, done_text));
    if (total > 0)
        say(s, PLAIN, " of %s (%lld %%)", str_bytes((uint64_t)total, total_text),
            (long long)((double)done * 100 / (double)total));
    say_line(s, PLAIN, ", began %s", screen_age(s, json_opt_string(run, "since", NULL), age));
}

static void print_queued(const struct screen *s, const char *name, const json_t *run)
{
    char age[48];
    const char *waits = json_opt_string(run, "waits_for", NULL);

    say(s, PLAIN, "  %s: run %lld is queued since %s (%s)", name,
        (long long)json_opt_i64(run, "run", 0),
        screen_age(s, json_opt_string(run, "since", NULL), age), json_opt_string(run, "why", "?"));
    say_line(s, PLAIN, "%s%s", waits != NULL ? ", waits for " : "", waits != NULL ? waits : "");
}

static void print_runs(const struct screen *s, const json_t *jobs)
{
    json_t *job, *queued;
    size_t i, j;
    bool titled = false;

    json_array_foreach(jobs, i, job)
    {
        const char *name = json_opt_string(job, "name", "?");
        const json_t *running = json_object_get(job, "running");
        const json_t *waiting = json_object_get(job, "queued");
        if (!json_is_object(running) && json_array_size(waiting) == 0)
            continue;
        if (!titled)
            say_heading(s, "Running");
        titled = true;
        if (json_is_object(running))
            print_running(s, name, running);
        json_array_foreach(waiting, j, queued) print_queued(s, name, queued);
    }
}

/* More of one job, when it was asked for by name. */
static void print_details(const struct screen *s, const json_t *job)
{
    const json_t *last = json_object_get(job, "last_run");
    const char *finished = json_opt_string(last, "finished", NULL);
    char when[48], age[48], span[32];
    _cleanup_free_ char *owed = join_strings(json_object_get(job, "owed"), ", ");

    say_line(s, PLAIN, "  sets       %lld", (long long)json_opt_i64(job, "sets", 0));
    if (finished != NULL)
        say_line(s, PLAIN, "  last run   %lld, %s, %s (%s), took %s",
                 (long long)json_opt_i64(last, "run", 0), json_opt_string(last, "outcome", "?"),
                 screen_time(s, finished, when), screen_age(s, finished, age),
                 str_duration(json_opt_i64(last, "duration_s", 0), span));
    if (owed[0] != '\0')
        say_line(s, PLAIN, "  owed       %s", owed);
    say_line(s, PLAIN, "  next run   %s", screen_time(s, json_opt_string(job, "next", NULL), when));
}

/* Which --json callers get too: `status` is 0, 1 or 2, whatever it prints. */
int cmd_status(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *status = NULL;
    const char *job = args_operand(c->args, 0);
    json_t *params = cli_params(c);

    if (job != NULL)
        (void)json_object_set_new(params, "job", json_printable(job));
    if (cli_call(c, "status", params, &status, e) < 0)
        return -1;
    int64_t level = level_of(status);
    if (!cli_json(c, status)) {
        print_verdict(&c->screen, status);
        print_jobs(&c->screen, json_object_get(status, "jobs"));
        if (job != NULL)
            print_details(&c->screen, json_array_get(json_object_get(status, "jobs"), 0));
        print_runs(&c->screen, json_object_get(status, "jobs"));
        status_print_copies(&c->screen, status);
        status_print_problems(&c->screen, status);
        status_print_destinations(&c->screen, status);
        status_print_kept(&c->screen, status);
    }
    return level <= LEVEL_OK ? LEVEL_OK : level >= LEVEL_CRITICAL ? LEVEL_CRITICAL : LEVEL_WARNING;
}
