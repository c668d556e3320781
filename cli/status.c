/* status.c — below the jobs: what is wrong, the destinations, what restores have kept aside. */
#include "cli/status.h"

#include <stdio.h>
#include <string.h>

/* A problem is said once, though a job and the whole may both name it. */
static void print_problem(const struct screen *s, struct strlist *said, int64_t level,
                          const char *where, const char *text)
{
    if (strlist_contains(said, text))
        return;
    if (said->count == 0)
        say_heading(s, "What is wrong");
    strlist_add(said, text);
    say(s, level_tint(level), "  %s", level >= LEVEL_CRITICAL ? "CRITICAL" : "warning ");
    bool named = where != NULL && strstr(text, where) != NULL;
    say_line(s, PLAIN, "  %s%s%s", where != NULL && !named ? where : "",
             where != NULL && !named ? ": " : "", text);
}

static void print_job_problems(const struct screen *s, struct strlist *said, const json_t *job)
{
    const char *name = json_opt_string(job, "name", "?");
    const json_t *list = json_object_get(job, "problems"), *last = json_object_get(job, "last_run");
    int64_t level = level_of(job);
    json_t *problem;
    size_t i;

    json_array_foreach(list, i, problem)
    {
        const char *text = json_string_value(problem);
        print_problem(s, said, level > LEVEL_OK ? level : LEVEL_WARNING, name,
                      text != NULL ? text : json_opt_string(problem, "text", "?"));
    }
    const char *error = json_opt_string(last, "error", NULL);
    if (error == NULL || error[0] == '\0' || level == LEVEL_OK)
        return;
    for (i = 0; i < said->count; i++)
        if (strstr(said->items[i], error) != NULL)
            return;
    char age[48];
    _cleanup_free_ char *text =
        mem_printf("run %lld, %s: %s: %s", (long long)json_opt_i64(last, "run", 0),
                   screen_age(s, json_opt_string(last, "finished", NULL), age),
                   json_opt_string(last, "outcome", "failed"), error);
    print_problem(s, said, level, name, text);
}

void status_print_problems(const struct screen *s, const json_t *status)
{
    struct strlist said = {0};
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(status, "problems"), i, o)
        print_problem(s, &said, level_of(o), NULL, json_opt_string(o, "text", "?"));
    json_array_foreach(json_object_get(status, "jobs"), i, o) print_job_problems(s, &said, o);
    json_array_foreach(json_object_get(status, "jobs"), i, o) if (json_opt_bool(o, "held", false))
        print_problem(s, &said, LEVEL_WARNING, json_opt_string(o, "name", "?"),
                      "nothing is deleted (hold; ends with: synbakctl release)");
    if (json_opt_bool(status, "clock_in_doubt", false))
        print_problem(
            s, &said, LEVEL_WARNING, NULL,
            "the clock is in doubt: rules by age wait (if it is right: synbakctl clock accept)");
    strlist_deinit(&said);
}

static void add_destination(const struct screen *s, struct table *t, const json_t *d)
{
    char free_text[16], total_text[16];
    int64_t free_bytes = json_opt_i64(d, "free_bytes", -1);
    int64_t total = json_opt_i64(d, "total_bytes", -1);
    const char *problem = json_opt_string(d, "problem", NULL);

    (void)s;
    table_add(t, PLAIN, "%s", json_opt_string(d, "name", "?"));
    table_add(t, PLAIN, "%s", json_opt_string(d, "place", "?"));
    if (total <= 0 || free_bytes < 0)
        table_add(t, DIM, "-");
    else
        table_add(t, PLAIN, "%s free of %s (%lld %%)", str_bytes((uint64_t)free_bytes, free_text),
                  str_bytes((uint64_t)total, total_text),
                  (long long)((double)free_bytes * 100 / (double)total));
    if (problem != NULL)
        table_add(t, RED, "%s", problem);
    else if (!json_opt_bool(d, "listed", true))
        table_add(t, YELLOW, "not listed yet");
    else if (!json_opt_bool(d, "encrypted", true))
        table_add(t, YELLOW, "not encrypted, not authenticated");
    else
        table_add(t, GREEN, "ok, encrypted");
}

void status_print_destinations(const struct screen *s, const json_t *status)
{
    static const char *const titles[] = {"DESTINATION", "PLACE", "SPACE", "STATE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles), .indent = "  "};
    const json_t *list = json_object_get(status, "destinations");
    json_t *d;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    (void)putchar('\n');
    json_array_foreach(list, i, d) add_destination(s, &t, d);
    table_print(s, &t);
}

void status_print_kept(const struct screen *s, const json_t *status)
{
    const json_t *list = json_object_get(status, "kept");
    json_t *kept;
    size_t i;
    char size[16];

    if (json_array_size(list) == 0)
        return;
    say_heading(s, "Kept aside by restores");
    json_array_foreach(list, i, kept)
    {
        int64_t bytes = json_opt_i64(kept, "bytes", 0);
        say_line(s, PLAIN, "  %s, %s; remove with: %s", json_opt_string(kept, "what", "?"),
                 str_bytes((uint64_t)(bytes > 0 ? bytes : 0), size),
                 json_opt_string(kept, "command", "?"));
    }
}
