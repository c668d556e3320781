/* cmd_sets.c — list, show, explain. */
#include <stdio.h>
#include <string.h>

#include "cli/bare.h"
#include "cli/bare_explain.h"
#include "cli/bare_place.h"
#include "cli/cli.h"
#include "cli/target.h"

static enum tint state_tint(const char *state)
{
    return str_equal(state, "good") ? GREEN : str_equal(state, "damaged") ? RED : YELLOW;
}

/* One line stands for the copies of a set at all destinations. */
static bool same_set(const json_t *a, const json_t *b)
{
    return str_equal(json_opt_string(a, "job", NULL), json_opt_string(b, "job", NULL)) &&
           str_equal(json_opt_string(a, "id", NULL), json_opt_string(b, "id", NULL)) &&
           str_equal(json_opt_string(a, "state", NULL), json_opt_string(b, "state", NULL));
}

static void append_place(json_t *places, const json_t *set)
{
    (void)json_array_append_new(places, json_string(json_opt_string(set, "destination", "?")));
}

/* Of a set that shares what it holds with others, what it brings back, and what it added. */
static const char *size_text(const json_t *set, char ret[40])
{
    const int64_t bytes = json_opt_i64(set, "bytes", 0), raw = json_opt_i64(set, "raw_bytes", 0);
    char added[16], whole[16];

    (void)str_bytes((uint64_t)(bytes > 0 ? bytes : 0), added);
    if (json_opt_bool(set, "shares", false))
        (void)snprintf(ret, 40, "%s +%s", str_bytes((uint64_t)(raw > 0 ? raw : 0), whole), added);
    else
        (void)snprintf(ret, 40, "%s", added);
    return ret;
}

static void add_set(const struct screen *s, struct table *t, const json_t *set,
                    const json_t *destinations)
{
    char text[48], size[40];
    const char *state = json_opt_string(set, "state", "?");
    _cleanup_free_ char *tiers = join_strings(json_object_get(set, "tiers"), ",");
    _cleanup_free_ char *places = join_strings(destinations, ",");

    table_add(t, PLAIN, "%s/%s", json_opt_string(set, "job", "?"), json_opt_string(set, "id", "?"));
    table_add(t, PLAIN, "%s", tiers);
    table_add(t, state_tint(state), "%s", state);
    table_add(t, PLAIN, "%s", size_text(set, size));
    table_add(t, PLAIN, "%s", screen_age(s, json_opt_string(set, "started", NULL), text));
    table_add(t, PLAIN, "%s", screen_age(s, json_opt_string(set, "verified", NULL), text));
    table_add(t, PLAIN, "%s", json_opt_bool(set, "pinned", false) ? "pinned" : "-");
    table_add(t, PLAIN, "%s", places);
}

/* Job by job, the newest first by sequence number, a set's copies side by side; those made before
 * restores have no number and come last. */
static int compare_sets(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
    int by_job = strcmp(json_opt_string(x, "job", ""), json_opt_string(y, "job", ""));
    int64_t n = json_opt_i64(x, "sequence", 0), m = json_opt_i64(y, "sequence", 0);

    if (by_job != 0)
        return by_job;
    if (n != m)
        return n < m ? 1 : -1;
    return strcmp(json_opt_string(y, "id", ""), json_opt_string(x, "id", ""));
}

static void print_sets(const struct screen *s, const json_t *sets)
{
    static const char *const titles[] = {"SET", "TIERS",    "STATE",  "SIZE",
                                         "AGE", "VERIFIED", "PINNED", "DESTINATIONS"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    size_t count = json_array_size(sets);

    _cleanup_free_ json_t **sorted = mem_alloc(count * sizeof(json_t *));

    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(sets, i);
    qsort(sorted, count, sizeof(json_t *), compare_sets);
    for (size_t i = 0; i < count; i++) {
        const json_t *set = sorted[i];
        _cleanup_json_ json_t *places = json_array();
        append_place(places, set);
        for (; i + 1 < count && same_set(set, sorted[i + 1]); i++)
            append_place(places, sorted[i + 1]);
        add_set(s, &t, set, places);
    }
    table_print(s, &t);
}

/* Only where we looked ourselves: what lies there but does not open. */
static void print_unopened(const struct screen *s, const json_t *damaged)
{
    json_t *o;
    size_t i;

    json_array_foreach(damaged, i, o)
        say_line(s, RED, "%s/%s does not open: %s", json_opt_string(o, "job", "?"),
                 json_opt_string(o, "id", "?"), json_opt_string(o, "error", "?"));
}

/* The daemon's list; 1: no daemon answers, but there is a configuration that says where to look. */
static int list_of_daemon(struct cli *c, const char *job, json_t **ret, struct err *e)
{
    const char *destination = args_value(c->args, "--destination");
    json_t *params = cli_params(c);

    if (job != NULL)
        (void)json_object_set_new(params, "job", json_printable(job));
    if (destination != NULL)
        (void)json_object_set_new(params, "destination", json_printable(destination));
    if (cli_list(c, params, ret, e) == 0)
        return 0;
    return e->code == ERR_NO_DAEMON && cli_load_config_instead(c, e) == 0 ? 1 : -1;
}

/* What lies at the one destination that was asked for, all together. */
static void add_totals(json_t *result)
{
    int64_t bytes = 0;
    json_t *sets = json_object_get(result, "sets"), *set;
    size_t i;

    json_array_foreach(sets, i, set) bytes += json_opt_i64(set, "bytes", 0);
    (void)json_object_set_new(result, "totals",
                              json_pack("{s:I, s:I}", "sets", (json_int_t)json_array_size(sets),
                                        "bytes", (json_int_t)bytes));
}

static void print_totals(const struct screen *s, const char *destination, const json_t *totals)
{
    int64_t sets = json_opt_i64(totals, "sets", 0);
    char size[16];

    say_line(s, PLAIN, "%lld set%s at %s, %s", (long long)sets, sets == 1 ? "" : "s", destination,
             str_bytes((uint64_t)json_opt_i64(totals, "bytes", 0), size));
}

int cmd_list(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    const char *job = args_operand(c->args, 0);
    const char *destination = args_value(c->args, "--destination");
    bool by_path = destination != NULL && bare_is_place(destination);
    int rc = by_path ? 1 : list_of_daemon(c, job, &result, e);

    if (rc < 0 || (rc == 1 && bare_list(c, job, &result, e) < 0))
        return -1;
    if (destination != NULL)
        add_totals(result);
    if (cli_json(c, result))
        return EXIT_DONE;
    if (rc == 1 && !by_path)
        say_line(&c->screen, YELLOW,
                 "synbakd does not answer; this is what lies at the destinations");
    const json_t *sets = json_object_get(result, "sets");
    print_unopened(&c->screen, json_object_get(result, "damaged"));
    if (json_array_size(sets) > 0)
        print_sets(&c->screen, sets);
    else if (by_path)
        say_line(&c->screen, PLAIN,
                 "No sets lie there: is it the whole place, with its prefix or path?");
    else
        say_line(&c->screen, PLAIN, "No sets yet (make one: synbakctl trigger%s%s --wait)",
                 job != NULL ? " " : "", job != NULL ? job : "");
    if (destination != NULL)
        print_totals(&c->screen, destination, json_object_get(result, "totals"));
    return EXIT_DONE;
}

static void print_sources(const struct screen *s, const json_t *sources)
{
    static const char *const titles[] = {"SOURCE", "TYPE", "STORED", "READ", "WHOLE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles), .indent = "  "};
    char stored[16], raw[16];
    json_t *o;
    size_t i;

    json_array_foreach(sources, i, o)
    {
        bool whole = json_opt_bool(o, "whole", false);
        table_add(&t, PLAIN, "%s", json_opt_string(o, "name", "?"));
        table_add(&t, PLAIN, "%s", json_opt_string(o, "type", "?"));
        table_add(&t, PLAIN, "%s", str_bytes((uint64_t)json_opt_i64(o, "stored_bytes", 0), stored));
        table_add(&t, PLAIN, "%s", str_bytes((uint64_t)json_opt_i64(o, "raw_bytes", 0), raw));
        table_add(&t, whole ? PLAIN : YELLOW, "%s", whole ? "yes" : "NO");
    }
    table_print(s, &t);
}

static void field(const struct screen *s, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        say_line(s, PLAIN, "  %-12s %s", name, value);
}

static void print_set(const struct screen *s, const json_t *set)
{
    char text[48], age[48], size[40];
    const char *state = json_opt_string(set, "state", "?");
    const char *verified = json_opt_string(set, "verified", NULL);
    _cleanup_free_ char *tiers = join_strings(json_object_get(set, "tiers"), ", ");
    _cleanup_free_ char *problems = join_strings(json_object_get(set, "problems"), "; ");

    say(s, BOLD, "%s/%s", json_opt_string(set, "job", "?"), json_opt_string(set, "id", "?"));
    say(s, PLAIN, " at %s: ", json_opt_string(set, "destination", "?"));
    say_line(s, state_tint(state), "%s", state);
    field(s, "place", json_opt_string(set, "place", NULL));
    field(s, "tiers", tiers);
    field(s, "size", size_text(set, size));
    field(s, "started", screen_time(s, json_opt_string(set, "started", NULL), text));
    field(s, "finished", screen_time(s, json_opt_string(set, "finished", NULL), text));
    (void)snprintf(text, sizeof(text), "%.40s", screen_age(s, verified, age));
    field(s, "verified", text);
    say_line(s, PLAIN, "  %-12s %lld", "sequence", (long long)json_opt_i64(set, "sequence", 0));
    if (json_opt_bool(set, "pinned", false)) {
        const char *until = json_opt_string(set, "pin_until", NULL);
        say_line(s, PLAIN, "  %-12s %s%s", "pinned", until != NULL ? "until " : "for ever",
                 until != NULL ? screen_time(s, until, text) : "");
        field(s, "pin reason", json_opt_string(set, "pin_reason", NULL));
    }
    field(s, "problems", problems);
    print_sources(s, json_object_get(set, "sources"));
}

/* What show and explain share: the target's result from the daemon. */
static int call_for_set(struct cli *c, const char *method, json_t **ret, struct target *t,
                        struct err *e)
{
    if (target_of_command(c, t, e) < 0)
        return -1;
    if (t->file != NULL)
        return err_set(e, ERR_USAGE, "%s wants JOB/ID, not a file (see: synbakctl ls FILE)",
                       method);
    json_t *params = target_params(c, t);
    if (args_has(c->args, "--destination"))
        (void)json_object_set_new(params, "destination",
                                  json_printable(args_value(c->args, "--destination")));
    return cli_call(c, method, params, ret, e);
}

/* The daemon's answer, or what a look of our own finds at a PLACE. */
static int find_shown(struct cli *c, json_t **ret, struct target *t, struct err *e)
{
    const char *destination = args_value(c->args, "--destination");

    if (destination == NULL || !bare_is_place(destination)) {
        if (call_for_set(c, "show", ret, t, e) == 0)
            return 0;
        if (e->code != ERR_NO_DAEMON || cli_load_config_instead(c, e) < 0)
            return -1;
        target_deinit(t);
        *t = (struct target){0};
    }
    if (target_parse(args_operand(c->args, 0), t, e) < 0)
        return -1;
    if (t->file != NULL)
        return err_set(e, ERR_USAGE, "show wants JOB/ID, not a file (see: synbakctl ls FILE)");
    return bare_show(c, t, ret, e);
}

int cmd_show(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    _cleanup_(target_deinit) struct target t = {0};
    json_t *set;
    size_t i;

    if (find_shown(c, &result, &t, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "sets"), i, set)
    {
        if (i > 0)
            (void)putchar('\n');
        print_set(&c->screen, set);
    }
    const json_t *first = json_array_get(json_object_get(result, "sets"), 0);
    const char *at = args_value(c->args, "--destination");
    say_line(&c->screen, PLAIN, "Restore: synbakctl restore %s/%s%s",
             json_opt_string(first, "job", "?"), json_opt_string(first, "id", t.id),
             at != NULL && bare_is_place(at) ? " --target DIR, and the options that you gave here"
                                             : "");
    return EXIT_DONE;
}

static int explain_alone(struct cli *c, json_t **ret, struct target *t, struct err *e)
{
    if (e->code != ERR_NO_DAEMON || cli_load_config_instead(c, e) < 0)
        return -1;
    (void)fprintf(stderr, "synbakctl: synbakd does not answer; these are the rules of the "
                          "configuration: holds of synbakd are not known here\n");
    return bare_explain(c, t, ret, e);
}

int cmd_explain(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    _cleanup_(target_deinit) struct target t = {0};
    json_t *line;
    size_t i;

    if (call_for_set(c, "explain", &result, &t, e) < 0 && explain_alone(c, &result, &t, e) < 0)
        return -1;
    if (cli_json(c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "lines"), i, line)
        say_line(&c->screen, PLAIN, "%s: %s", json_opt_string(line, "destination", "?"),
                 json_opt_string(line, "why", "?"));
    return EXIT_DONE;
}
