/* cmd_diff.c — diff: what changed from one set of a repository to another, list against list. */
#include <string.h>

#include "cli/bare.h"
#include "cli/cli.h"
#include "cli/place.h"
#include "cli/worker_run.h"

static void print_change(const struct screen *s, const json_t *o)
{
    const char *what = json_opt_string(o, "change", "?");
    const bool added = strcmp(what, "added") == 0, removed = strcmp(what, "removed") == 0;
    const int64_t now = json_opt_i64(o, "size", 0), before = json_opt_i64(o, "was", 0);
    const char *mark = added ? "+" : removed ? "-" : strcmp(what, "changed") == 0 ? "M" : "a";
    char size[16], was[16];

    say(s,
        added     ? GREEN
        : removed ? RED
                  : PLAIN,
        "%s %s: %s", mark, json_opt_string(o, "source", "?"), json_opt_string(o, "path", ""));
    if (added || removed)
        say_line(s, PLAIN, "  %s", str_bytes((uint64_t)(added ? now : before), size));
    else if (now != before)
        say_line(s, PLAIN, "  %s, was %s", str_bytes((uint64_t)now, size),
                 str_bytes((uint64_t)before, was));
    else
        say_line(s, PLAIN, "  %s%s", str_bytes((uint64_t)now, size),
                 mark[0] == 'a' ? ", owner, mode, time or attributes" : "");
}

static void print_diff(const struct screen *s, const json_t *result)
{
    const int64_t left_out = json_opt_i64(result, "left_out", 0);
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(result, "changes"), i, o) print_change(s, o);
    if (left_out > 0)
        say_line(s, YELLOW, "%lld more are left out: narrow it with --source", (long long)left_out);
    say_line(s, PLAIN, "%lld added, %lld removed, %lld changed",
             (long long)json_opt_i64(result, "added", 0),
             (long long)json_opt_i64(result, "removed", 0),
             (long long)json_opt_i64(result, "changed", 0));
}

static int compare(struct cli *c, const struct place *p, const struct target *other, json_t **ret,
                   struct err *e)
{
    const char *source = args_value(c->args, "--source");
    char *job = NULL, *id = NULL;

    if (bare_find(c, p->store, other->job != NULL ? other->job : p->job, other->id, &job, &id, e) <
        0)
        return -1;
    struct worker_run run = {.screen = &c->screen, .quiet = true, .job = place_job(p, "diff")};
    _cleanup_free_ char *name = mem_printf("%s/%s", job, id);
    (void)json_object_set_new(run.job, "other", json_printable(name));
    (void)json_object_set_new(run.job, "source",
                              source != NULL ? json_printable(source) : json_null());
    int rc = worker_run(&run, ret, e);
    if (rc == 0) {
        _cleanup_free_ char *from = mem_printf("%s/%s", p->job, p->id);
        (void)json_object_set_new(*ret, "from", json_printable(from));
        (void)json_object_set_new(*ret, "to", json_printable(name));
    }
    free(job);
    free(id);
    return rc;
}

int cmd_diff(struct cli *c, struct err *e)
{
    _cleanup_(target_deinit) struct target from = {0}, to = {0};
    _cleanup_json_ json_t *result = NULL;
    struct place p = {0};

    if (target_parse(args_operand(c->args, 0), &from, e) < 0 ||
        target_parse(args_operand(c->args, 1), &to, e) < 0)
        return -1;
    if (from.file != NULL || to.file != NULL)
        return err_set(e, ERR_USAGE, "diff compares sets of a repository (JOB/ID), not files");
    int rc = place_find(c, &from, "diff", &p, e);
    if (rc == 0)
        rc = compare(c, &p, &to, &result, e);
    place_release(c, &p, rc < 0 ? e : NULL, NULL);
    if (rc < 0)
        return -1;
    if (!cli_json(c, result))
        print_diff(&c->screen, result);
    return EXIT_DONE;
}
