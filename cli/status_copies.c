/* status_copies.c — the copies on the status screen: on their way, failed, or owed. What is late
 * stands among the problems. */
#include <stdio.h>
#include <string.h>

#include "cli/status.h"

static void print_copying(const struct screen *s, const char *job, const char *to,
                          const json_t *copy)
{
    int64_t done = json_opt_i64(copy, "done", 0), total = json_opt_i64(copy, "total", 0);
    int64_t rate = json_opt_i64(copy, "bytes_per_second", 0), eta = json_opt_i64(copy, "eta_s", -1);
    char text[32];

    say(s, PLAIN, "  %s: copying to %s: ", job, to);
    if (total > 0) { /* what is read is not there yet */
        long long percent = (long long)((double)done * 100 / (double)total);
        say(s, PLAIN, "%lld %% of ", percent < 99 ? percent : 99);
    }
    say(s, PLAIN, "%s from %s", json_opt_string(copy, "id", "?"),
        json_opt_string(copy, "from", "?"));
    if (rate > 0)
        say(s, PLAIN, ", %s/s", str_bytes((uint64_t)rate, text));
    if (eta >= 0)
        say(s, PLAIN, ", %s left", str_duration(eta, text));
    say_line(s, PLAIN, "%s", "");
}

/* What the destination's own problem says among what is wrong is not said twice. */
static bool is_told_below(const json_t *status, const char *to, const char *error)
{
    json_t *d;
    size_t i;

    json_array_foreach(json_object_get(status, "destinations"), i, d)
    {
        if (str_equal(json_opt_string(d, "name", ""), to))
            return strstr(json_opt_string(d, "problem", ""), error) != NULL;
    }
    return false;
}

static void print_failed(const struct screen *s, const json_t *status, const char *job,
                         const char *to, const json_t *failed)
{
    const char *error = json_opt_string(failed, "error", "?");
    const char *retry = json_opt_string(failed, "retry_at", NULL);
    const bool told = is_told_below(status, to, error);
    long long failures = (long long)json_opt_i64(failed, "failures", 1);
    struct wall at = {0};
    char age[48];

    const bool due =
        retry == NULL || clock_parse_iso8601(retry, &at) != 0 || at.us <= clock_wall().us;
    say_line(s, YELLOW, "  %s: copying %s to %s failed (try %lld), next try %s%s%s", job,
             json_opt_string(failed, "id", "?"), to, failures,
             due ? "when it answers again" : screen_age(s, retry, age), told ? "" : ": ",
             told ? "" : error);
}

static void print_lag(const struct screen *s, const char *job, const json_t *d)
{
    int64_t lacks = json_opt_i64(d, "lacks", 0);
    const char *newest = json_opt_string(d, "newest_at", NULL);
    char age[48];

    say_line(s, PLAIN, "  %s: %s lacks %lld set%s, %s%s", job,
             json_opt_string(d, "destination", "?"), (long long)lacks, lacks == 1 ? "" : "s",
             newest != NULL ? "its newest good one is from " : "it has no good one",
             newest != NULL ? screen_age(s, newest, age) : "");
}

static void print_remembered(const struct screen *s, const char *job, const json_t *d)
{
    char age[48];

    say_line(s, PLAIN,
             "  %s: %s has not been looked at since the start; its newest good one was from %s",
             job, json_opt_string(d, "destination", "?"),
             screen_age(s, json_opt_string(d, "newest_at", NULL), age));
}

static bool is_worth_a_line(const json_t *d)
{
    return json_is_object(json_object_get(d, "copying")) ||
           json_is_object(json_object_get(d, "failed")) || json_opt_i64(d, "lacks", 0) > 0 ||
           json_opt_bool(d, "remembered", false);
}

static void print_destination(const struct screen *s, const json_t *status, const char *job,
                              const json_t *d)
{
    const json_t *copying = json_object_get(d, "copying"), *failed = json_object_get(d, "failed");
    const char *to = json_opt_string(d, "destination", "?");

    if (json_is_object(copying))
        print_copying(s, job, to, copying);
    if (json_is_object(failed))
        print_failed(s, status, job, to, failed);
    if (json_opt_i64(d, "lacks", 0) > 0 && !json_opt_bool(d, "late", false))
        print_lag(s, job, d);
    if (json_opt_bool(d, "remembered", false) && !json_opt_bool(d, "late", false))
        print_remembered(s, job, d);
}

void status_print_copies(const struct screen *s, const json_t *status)
{
    json_t *job, *d;
    size_t i, k;
    bool titled = false;

    json_array_foreach(json_object_get(status, "jobs"), i, job)
    {
        json_array_foreach(json_object_get(job, "destinations"), k, d)
        {
            if (!is_worth_a_line(d))
                continue;
            if (!titled)
                say_heading(s, "Copies");
            titled = true;
            print_destination(s, status, json_opt_string(job, "name", "?"), d);
        }
    }
}
