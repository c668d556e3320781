/* cmd_changes.c — changes: what the runs of a job found added, changed and removed. synbakd remembers it. */
#include <string.h>

#include "cli/cli.h"
#include "cli/target.h"

static void print_change(const struct screen *s, const json_t *o)
{
    const char *what = json_opt_string(o, "change", "?");
    const bool added = strcmp(what, "added") == 0, removed = strcmp(what, "removed") == 0;
    char size[16];

    say(s,
        added     ? GREEN
        : removed ? RED
                  : PLAIN,
        "  %s %s",
        added     ? "+"
        : removed ? "-"
                  : "M",
        json_opt_string(o, "path", ""));
    say_line(s, PLAIN, "  %s", str_bytes((uint64_t)json_opt_i64(o, "size", 0), size));
}

static void print_transaction(const struct screen *s, const json_t *o)
{
    const json_t *changes = json_object_get(o, "changes"), *change;
    size_t i;

    say_line(s, BOLD, "%s  %s", json_opt_string(o, "id", "?"), json_opt_string(o, "source", "?"));
    if (!json_opt_bool(o, "compared", false))
        say_line(s, PLAIN, "  there was nothing to compare it with");
    else if (json_array_size(changes) == 0)
        say_line(s, PLAIN, "  nothing changed");
    json_array_foreach(changes, i, change) print_change(s, change);
}

static void print_changes(const struct screen *s, const json_t *result)
{
    const int64_t left_out = json_opt_i64(result, "left_out", 0);
    const json_t *o;
    size_t i;

    json_array_foreach(json_object_get(result, "transactions"), i, o) print_transaction(s, o);
    if (json_array_size(json_object_get(result, "transactions")) == 0)
        say_line(s, PLAIN, "No run since then.");
    if (left_out > 0)
        say_line(s, YELLOW, "%lld more are left out: begin later with --since",
                 (long long)left_out);
}

/* "JOB/ID" or "ID". */
static const char *since_of(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash != NULL ? slash + 1 : text;
}

int cmd_changes(struct cli *c, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    const char *job = args_operand(c->args, 0), *since = args_value(c->args, "--since");
    json_t *params = json_object();

    if (job != NULL)
        (void)json_object_set_new(params, "job", json_printable(job));
    if (since != NULL)
        (void)json_object_set_new(params, "since", json_printable(since_of(since)));
    if (cli_call(c, "changes", params, &result, e) < 0)
        return -1;
    if (!cli_json(c, result))
        print_changes(&c->screen, result);
    return EXIT_DONE;
}
