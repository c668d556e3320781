/* cmd_restore.c — bring a set back.
 *
 * The happy path is: find the set (place.h), hand its job to a worker of our own, print the plan it
 * sends, ask, let the daemon copy the present state, answer, show the progress and what was done.
 * Nothing is changed before the answer; the worker verifies every byte before it replaces one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/place.h"
#include "cli/safety_copy.h"
#include "cli/wait_run.h"
#include "cli/worker_run.h"
#include "lib/protocol/job.h"

struct restore {
    struct cli *c;
    struct target target;
    struct place place;
    char run[32]; /* the restore's own id, by which --undo finds it */
};

static const char *mode_of(const struct args *a)
{
    return args_has(a, "--to-database") ? "database"
           : args_has(a, "--target")    ? "target"
                                        : "in-place";
}

static int check_options(const struct args *a, struct err *e)
{
    size_t ways =
        args_count(a, "--to-database") + args_count(a, "--target") + args_count(a, "--in-place");

    if (args_has(a, "--undo"))
        return ways == args_count(a, "--target") && a->operand_count == 0
                   ? 0
                   : err_set(e, ERR_USAGE,
                             "restore --undo RUN stands alone, or with --target DIR: the folder "
                             "that was restored into, when no record of the restore is left");
    if (ways != 1)
        return err_set(e, ERR_USAGE,
                       "restore: where to? one of --to-database NAME (new), --target DIR (empty or "
                       "new), --in-place");
    if (args_has(a, "--replace") && !args_has(a, "--in-place"))
        return err_set(e, ERR_USAGE, "--replace goes with --in-place only");
    if (args_has(a, "--table") && args_has(a, "--in-place"))
        return err_set(e, ERR_USAGE,
                       "--table goes with --to-database NAME or --target DIR, never in place");
    return 0;
}

/* Members that only the configuration can give. */
static int add_configured(struct restore *r, json_t *job, struct err *e)
{
    const struct config *config = r->c->config;
    json_t *sources = json_array();
    const struct job *j = NULL;

    if (config != NULL && r->place.job != NULL)
        j = config_job(config, r->place.job);
    for (size_t i = 0; config != NULL && i < config->source_count; i++)
        (void)json_array_append_new(sources, job_source(config->sources[i], true));
    (void)json_object_set_new(job, "configured", sources);
    (void)json_object_set_new(job, "stop",
                              j != NULL ? json_from_strings(&j->restore_stop) : json_array());
    (void)json_object_set_new(job, "start",
                              j != NULL ? json_from_strings(&j->restore_start) : json_array());
    (void)json_object_set_new(job, "check",
                              j != NULL ? json_from_strings(&j->restore_check) : json_array());
    bool writable = config != NULL && access(config->state_dir, W_OK | X_OK) == 0;
    (void)json_object_set_new(job, "state_dir",
                              writable ? json_printable(config->state_dir) : json_null());
    if (config == NULL && args_has(r->c->args, "--in-place"))
        return err_set(e, ERR_CONFIG,
                       "--in-place needs the configuration that says where the sources are "
                       "(--config FILE, or read it as root); else use --target or --to-database");
    return 0;
}

static char *absolute_target(const char *target)
{
    _cleanup_free_ char *here = getcwd(NULL, 0);

    return target[0] == '/' || here == NULL ? mem_strdup(target)
                                            : mem_printf("%s/%s", here, target);
}

static int build_job(struct restore *r, json_t **ret, struct err *e)
{
    const struct args *a = r->c->args;
    const char *database = args_value(a, "--to-database"), *target = args_value(a, "--target");
    _cleanup_json_ json_t *job = place_job(&r->place, "restore");
    _cleanup_free_ char *folder = target != NULL ? absolute_target(target) : NULL;

    (void)json_object_set_new(job, "sources", args_values(a, "--source"));
    (void)json_object_set_new(job, "tables", args_values(a, "--table"));
    (void)json_object_set_new(job, "mode", json_string(mode_of(a)));
    if (database != NULL)
        (void)json_object_set_new(job, "database", json_printable(database));
    if (folder != NULL)
        (void)json_object_set_new(job, "target", json_printable(folder));
    (void)json_object_set_new(job, "safety_copy", json_string(safety_copy_word(r->c, &r->place)));
    (void)json_object_set_new(job, "replace", json_boolean(args_has(a, "--replace")));
    (void)json_object_set_new(job, "run", json_string(r->run));
    /* the plan is always sent and printed; --yes is our answer to it */
    (void)json_object_set_new(job, "yes", json_false());
    if (add_configured(r, job, e) < 0)
        return -1;
    *ret = TAKE(job);
    return 0;
}

static void print_plan(const struct screen *s, const json_t *message)
{
    const char *text = json_opt_string(message, "text", "");

    if (!s->json) {
        say_text(s, "", text);
        (void)fflush(stdout);
        return;
    }
    /* stdout is for the one JSON value; people still see the plan */
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        _cleanup_free_ char *shown = str_printable(text, len);
        (void)fprintf(stderr, "%s\n", shown);
        text += len + (text[len] == '\n');
    }
}

/* The worker's plan is here: print it, ask, have the present state copied. */
static int on_ask(void *arg, const json_t *message, struct err *e)
{
    struct restore *r = arg;
    const struct args *a = r->c->args;
    bool replaces = json_array_size(json_object_get(message, "replaced")) > 0;

    print_plan(&r->c->screen, message);
    if (!args_has(a, "--yes")) {
        if (confirm_yes(replaces ? "What is there now is replaced." : "", e) < 0)
            return -1;
        if (replaces && confirm_countdown(e) < 0)
            return -1;
    }
    return safety_copy_make(r->c, &r->place, json_object_get(message, "replaced"), e);
}

/* A confirmed restore outlives us: the daemon's guard is to last as long as the worker, not as our
 * connection. */
static void on_start(void *arg, pid_t pid)
{
    const struct restore *r = arg;
    json_t *done = NULL;

    if (r->place.token == NULL || r->c->client == NULL)
        return;
    /* a daemon that cannot watch it guards the set until we are gone */
    (void)!client_call(
        r->c->client,
        (struct client_call){
            .method = "restore-worker",
            .params = json_pack("{s:s,s:I}", "token", r->place.token, "pid", (json_int_t)pid)},
        &done, NULL);
    json_decref(done);
}

static void print_kept(const struct screen *s, const json_t *kept)
{
    char size[16];

    if (json_is_string(kept))
        say_line(s, PLAIN, "    kept aside: %s", json_string_value(kept));
    if (!json_is_object(kept))
        return;
    say_line(s, PLAIN, "    what was there is kept: %s, %s", json_opt_string(kept, "place", "?"),
             str_bytes((uint64_t)json_opt_i64(kept, "bytes", 0), size));
    if (json_opt_string(kept, "remove", NULL) != NULL)
        say_line(s, PLAIN, "    remove it with: %s", json_opt_string(kept, "remove", ""));
}

static void print_count(const struct screen *s, const json_t *delta, const char *key,
                        const char *what)
{
    const json_t *n = json_object_get(delta, key);
    int64_t files = json_opt_i64(n, "files", 0);
    char size[16];

    if (files > 0)
        say_line(s, PLAIN, "    %lld file%s, %s: %s", (long long)files, files == 1 ? "" : "s",
                 str_bytes((uint64_t)json_opt_i64(n, "bytes", 0), size), what);
}

/* Only where it is not simply all of it that was written. */
static void print_delta(const struct screen *s, const json_t *delta)
{
    int64_t there = json_opt_i64(json_object_get(delta, "stayed"), "files", 0) +
                    json_opt_i64(json_object_get(delta, "resumed"), "files", 0);

    if (there == 0)
        return;
    print_count(s, delta, "stayed", "the same already, left as they were");
    print_count(s, delta, "resumed", "made before the restore was cut off, and right");
    print_count(s, delta, "written", "written");
}

static void print_result(struct restore *r, const json_t *result)
{
    const struct screen *s = &r->c->screen;
    char size[16], span[32];
    const char *undo = json_opt_string(result, "undo", NULL);
    json_t *o;
    size_t i;

    say(s, GREEN, "restored");
    say_line(s, PLAIN, " in %s", str_duration(json_opt_i64(result, "seconds", 0), span));
    json_array_foreach(json_object_get(result, "restored"), i, o)
    {
        say_line(s, PLAIN, "  %s: %s, %s", json_opt_string(o, "source", "?"),
                 json_opt_string(o, "where", "?"),
                 str_bytes((uint64_t)json_opt_i64(o, "bytes", 0), size));
        print_delta(s, json_object_get(o, "delta"));
        print_kept(s, json_object_get(o, "kept"));
    }
    if (undo != NULL)
        say_line(s, PLAIN, "  undo: synbakctl restore --undo %s", undo);
}

static int restore_set(struct restore *r, json_t **ret_result, struct err *e)
{
    struct worker_run run = {.screen = &r->c->screen, .ask = on_ask, .started = on_start, .arg = r};

    if (build_job(r, &run.job, e) < 0 || worker_run(&run, ret_result, e) < 0)
        return -1;
    if (!cli_json(r->c, *ret_result))
        print_result(r, *ret_result);
    return EXIT_DONE;
}

/* For the daemon's journal, if there is a daemon; it is no part of undoing. */
static void tell_undone(struct restore *r, const struct err *failure)
{
    json_t *params = cli_params(r->c), *reply = NULL;
    struct err e = {0};

    (void)json_object_set_new(params, "undone", json_printable(args_value(r->c->args, "--undo")));
    (void)json_object_set_new(params, "ok", json_boolean(failure == NULL));
    if (failure != NULL)
        (void)json_object_set_new(params, "error", json_printable(failure->text));
    if (cli_connect_optional(r->c, &e) != 0)
        json_decref(params);
    else if (cli_call(r->c, "restore-undone", params, &reply, &e) < 0)
        say_line(&r->c->screen, YELLOW, "warning: not in the journal: %s", e.text);
    json_decref(reply);
}

static int undo(struct restore *r, struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    struct worker_run run = {.screen = &r->c->screen, .ask = on_ask, .arg = r};
    json_t *o;
    size_t i;

    (void)!cli_load_config(r->c, NULL);
    const char *target = args_value(r->c->args, "--target");
    _cleanup_free_ char *folder = target != NULL ? absolute_target(target) : NULL;
    run.job = json_pack("{s:s, s:o, s:o}", "verb", "undo", "run",
                        json_printable(args_value(r->c->args, "--undo")), "target",
                        folder != NULL ? json_printable(folder) : json_null());
    (void)!add_configured(r, run.job, e); /* only --in-place can miss it */
    if (!args_has(r->c->args, "--yes") &&
        confirm_yes("What the restore brought is swapped for what it kept aside.", e) < 0) {
        json_decref(run.job);
        return -1;
    }
    int rc = worker_run(&run, &result, e);
    tell_undone(r, rc < 0 ? e : NULL);
    if (rc < 0)
        return -1;
    if (cli_json(r->c, result))
        return EXIT_DONE;
    json_array_foreach(json_object_get(result, "undone"), i, o)
        say_line(&r->c->screen, PLAIN, "%s: the %s is as it was before",
                 json_opt_string(o, "source", "?"), json_opt_string(o, "what", "place"));
    say_line(&r->c->screen, GREEN, "undone");
    return EXIT_DONE;
}

int cmd_restore(struct cli *c, struct err *e)
{
    struct restore r = {.c = c};
    _cleanup_json_ json_t *result = NULL;

    (void)clock_set_id(c->screen.now, r.run);
    if (check_options(c->args, e) < 0)
        return -1;
    if (args_has(c->args, "--undo"))
        return undo(&r, e);
    if (target_parse(args_operand(c->args, 0), &r.target, e) < 0)
        return -1;
    int rc = place_find(c, &r.target, "restore", &r.place, e);
    if (rc == 0)
        rc = restore_set(&r, &result, e);
    place_release(c, &r.place, rc < 0 ? e : NULL, result);
    target_deinit(&r.target);
    return rc;
}
