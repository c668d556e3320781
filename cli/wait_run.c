#include "cli/wait_run.h"

#include <stdio.h>
#include <string.h>

#include "cli/progress.h"

static void on_progress(void *arg, const json_t *params)
{
    progress_show(arg, params);
}

int wait_for_answer(struct cli *c, const char *method, json_t *params, json_t **ret, struct err *e)
{
    _cleanup_(interrupt_close) struct interrupt interrupt = {-1};
    struct progress p;

    if (interrupt_open(&interrupt, e) < 0) {
        json_decref(params);
        return -1;
    }
    progress_init(&p, &c->screen);
    const struct client_call call = {.method = method,
                                     .params = params,
                                     .progress = on_progress,
                                     .arg = &p,
                                     .interrupt = &interrupt,
                                     .timeout_ms = -1};
    int rc = client_call(c->client, call, ret, e);
    if (rc == 0)
        progress_end(&p);
    progress_deinit(&p);
    return rc;
}

int wait_for_run(struct cli *c, int64_t run, bool copies, json_t **ret, struct err *e)
{
    json_t *params = json_pack("{s:I,s:b}", "run", (json_int_t)run, "copies", copies);
    int rc = wait_for_answer(c, "wait", params, ret, e);

    if (rc == 1)
        return err_set(e, ERR_CANCELLED,
                       "no longer waiting; run %lld goes on (to stop it: synbakctl cancel %lld)",
                       (long long)run, (long long)run);
    return rc;
}

static const char *outcome_of(const json_t *result)
{
    return json_opt_string(result, "outcome", "failed");
}

/* A destination that has not got the set makes a run late, though what is there is good. */
static bool is_late(const json_t *result)
{
    json_t *d;
    size_t i;

    json_array_foreach(json_object_get(result, "destinations"), i,
                       d) if (json_is_object(d) && (!json_opt_bool(d, "ok", true) ||
                                                    json_opt_bool(d, "late", false))) return true;
    return str_equal(outcome_of(result), "late");
}

int wait_exit_status(const json_t *result)
{
    const char *outcome = outcome_of(result);

    if (str_equal(outcome, "good"))
        return is_late(result) ? EXIT_LATE : EXIT_DONE;
    if (str_equal(outcome, "incomplete") || str_equal(outcome, "suspect"))
        return EXIT_INCOMPLETE;
    if (str_equal(outcome, "late"))
        return EXIT_LATE;
    if (str_equal(outcome, "cancelled"))
        return err_exit_status(ERR_CANCELLED);
    return EXIT_FAILED;
}

const char *verify_word(bool good, int64_t bytes)
{
    if (!good)
        return "FAILED";
    return bytes > 0 ? "verified" : "all that sets need is there";
}

static const char *destination_name(const json_t *d)
{
    const char *name = json_is_string(d) ? json_string_value(d) : json_opt_string(d, "name", NULL);

    return name != NULL ? name : json_opt_string(d, "destination", "?");
}

static bool holds_it(const json_t *d)
{
    return json_is_string(d) || json_opt_bool(d, "ok", true);
}

/* Behind its name an error need not name the destination again. */
static const char *error_of(const json_t *d)
{
    const char *error = json_opt_string(d, "error", "no reason given");
    _cleanup_free_ char *named = mem_printf("destination \"%s\": ", destination_name(d));

    return str_starts(error, named) ? error + strlen(named) : error;
}

static void print_destinations(const struct screen *s, const json_t *list)
{
    _cleanup_json_ json_t *good = json_array();
    json_t *d;
    size_t i;

    json_array_foreach(list, i, d) if (holds_it(d))(void)
        json_array_append_new(good, json_string(destination_name(d)));
    if (json_array_size(good) > 0) {
        _cleanup_free_ char *names = join_strings(good, ", ");
        say_line(s, PLAIN, "  at       %s", names);
    }
    json_array_foreach(list, i, d) if (!holds_it(d))
        say_line(s, RED, "  missing  %s: %s", destination_name(d), error_of(d));
}

void wait_print_backup(const struct screen *s, const char *job, const json_t *result)
{
    const char *outcome = outcome_of(result), *id = json_opt_string(result, "id", NULL);
    const char *error = json_opt_string(result, "error", NULL);
    const char *restore = json_opt_string(result, "restore", NULL);
    int status = wait_exit_status(result);
    int64_t bytes = json_opt_i64(result, "bytes", 0);
    char size[16];

    say(s,
        status == 0             ? GREEN
        : status == EXIT_FAILED ? RED
                                : YELLOW,
        "%s", status == EXIT_LATE ? "late" : outcome);
    say_line(s, PLAIN, ": run %lld of job \"%s\"%s%s", (long long)json_opt_i64(result, "run", 0),
             job, error != NULL && error[0] != '\0' ? ": " : "", error != NULL ? error : "");
    if (id == NULL || id[0] == '\0' || status == EXIT_FAILED ||
        status == err_exit_status(ERR_CANCELLED))
        return; /* nothing was committed */
    say_line(s, PLAIN, "  id       %s", id);
    if (json_opt_string(result, "place", NULL) != NULL)
        say_line(s, PLAIN, "  place    %s", json_opt_string(result, "place", ""));
    print_destinations(s, json_object_get(result, "destinations"));
    say_line(s, PLAIN, "  total    %s", str_bytes((uint64_t)(bytes > 0 ? bytes : 0), size));
    if (restore != NULL)
        say_line(s, PLAIN, "  restore  %s", restore);
    else
        say_line(s, PLAIN, "  restore  synbakctl restore %s/%s", job, id);
}
