/* status.c — below the jobs: what is wrong, the destinations, what restores have kept aside. */
#include "cli/status.h"

#include <stdio.h>
#include <string.h>

struct problems {
    struct strlist texts;
    int64_t *levels; /* of each text */
};

/* A problem is said once, though a job and the whole may both name it. */
static void add_problem(struct problems *p, int64_t level, const char *job, const char *text)
{
    bool named = job == NULL || str_starts(text, job) || strstr(text, "job \"") == text;
    char *whole = named ? mem_strdup(text) : mem_printf("job \"%s\": %s", job, text);

    for (size_t i = 0; i < p->texts.count; i++)
        if (str_ends(p->texts.items[i], text)) {
            if (level > p->levels[i])
                p->levels[i] = level;
            free(whole);
            return;
        }
    p->levels = mem_resize_array(p->levels, p->texts.count + 1, sizeof(*p->levels));
    p->levels[p->texts.count] = level;
    strlist_take(&p->texts, whole);
}

static void add_last_error(const struct screen *s, struct problems *p, const json_t *job)
{
    const json_t *last = json_object_get(job, "last_run");
    const char *error = json_opt_string(last, "error", NULL);
    char age[48];

    if (error == NULL || error[0] == '\0' || level_of(job) == LEVEL_OK)
        return;
    for (size_t i = 0; i < p->texts.count; i++)
        if (strstr(p->texts.items[i], error) != NULL)
            return;
    _cleanup_free_ char *text =
        mem_printf("run %lld, %s: %s: %s", (long long)json_opt_i64(last, "run", 0),
                   screen_age(s, json_opt_string(last, "finished", NULL), age),
                   json_opt_string(last, "outcome", "failed"), error);
    add_problem(p, level_of(job), json_opt_string(job, "name", "?"), text);
}

static void add_job_problems(const struct screen *s, struct problems *p, const json_t *job)
{
    const char *name = json_opt_string(job, "name", "?");
    int64_t level = level_of(job) > LEVEL_OK ? level_of(job) : LEVEL_WARNING;
    json_t *problem;
    size_t i;

    json_array_foreach(json_object_get(job, "problems"), i, problem)
    {
        const char *text = json_string_value(problem);
        add_problem(p, level, name, text != NULL ? text : json_opt_string(problem, "text", "?"));
    }
    add_last_error(s, p, job);
    if (json_opt_bool(job, "held", false)) {
        _cleanup_free_ char *text =
            mem_printf("nothing is deleted until: synbakctl release %s", name);
        add_problem(p, LEVEL_WARNING, name, text);
    }
}

static void print_level(const struct screen *s, const struct problems *p, bool critical)
{
    for (size_t i = 0; i < p->texts.count; i++) {
        if ((p->levels[i] >= LEVEL_CRITICAL) != critical)
            continue;
        say(s, level_tint(p->levels[i]), "  %s", critical ? "CRITICAL" : "warning ");
        say_line(s, PLAIN, "  %s", p->texts.items[i]);
    }
}

void status_print_problems(const struct screen *s, const json_t *status)
{
    struct problems p = {0};
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(status, "problems"), i, o)
        add_problem(&p, level_of(o), NULL, json_opt_string(o, "text", "?"));
    json_array_foreach(json_object_get(status, "jobs"), i, o) add_job_problems(s, &p, o);
    if (json_opt_bool(status, "clock_in_doubt", false))
        add_problem(&p, LEVEL_WARNING, NULL,
                    "the clock is in doubt, rules by age wait; if it is right: synbakctl clock "
                    "accept");
    if (p.texts.count > 0)
        say_heading(s, level_of(status) > LEVEL_OK ? "What is wrong" : "Worth knowing");
    print_level(s, &p, true);
    print_level(s, &p, false);
    strlist_deinit(&p.texts);
    free(p.levels);
}

/* What stands whole among what is wrong would only stretch the table. */
static bool is_said_above(const json_t *status, const char *problem)
{
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(status, "problems"), i, o)
    {
        if (strstr(json_opt_string(o, "text", ""), problem) != NULL)
            return true;
    }
    return false;
}

static void add_destination(const json_t *status, struct table *t, const json_t *d)
{
    char free_text[16], total_text[16];
    int64_t free_bytes = json_opt_i64(d, "free_bytes", -1);
    int64_t total = json_opt_i64(d, "total_bytes", -1);
    int64_t unread_s = json_opt_i64(d, "unread_s", -1);
    char age[32];
    const char *problem = json_opt_string(d, "problem", NULL);

    table_add(t, PLAIN, "%s", json_opt_string(d, "name", "?"));
    table_add(t, PLAIN, "%s", json_opt_string(d, "place", "?"));
    if (total <= 0 || free_bytes < 0)
        table_add(t, DIM, "-");
    else
        table_add(t, PLAIN, "%s free of %s (%lld %%)", str_bytes((uint64_t)free_bytes, free_text),
                  str_bytes((uint64_t)total, total_text),
                  (long long)((double)free_bytes * 100 / (double)total));
    if (problem != NULL)
        table_add(t, RED, "%s", is_said_above(status, problem) ? "see above" : problem);
    else if (!json_opt_bool(d, "listed", true))
        table_add(t, YELLOW, "not listed yet");
    else if (!json_opt_bool(d, "encrypted", true))
        table_add(t, YELLOW, "not encrypted, not authenticated");
    else
        table_add(t, GREEN, "ok, encrypted");
    if (unread_s < 0)
        table_add(t, DIM, "-");
    else
        table_add(t, PLAIN, "%s", str_duration(unread_s, age));
}

void status_print_destinations(const struct screen *s, const json_t *status)
{
    static const char *const titles[] = {"DESTINATION", "PLACE", "SPACE", "STATE",
                                         "ALL READ WITHIN"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles), .indent = "  "};
    const json_t *list = json_object_get(status, "destinations");
    json_t *d;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    (void)putchar('\n');
    json_array_foreach(list, i, d) add_destination(status, &t, d);
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
        say_line(s, PLAIN, "  %s, %s", json_opt_string(kept, "what", "?"),
                 str_bytes((uint64_t)(bytes > 0 ? bytes : 0), size));
        say_line(s, DIM, "      remove it with: %s", json_opt_string(kept, "command", "?"));
    }
}
