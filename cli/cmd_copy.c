/* cmd_copy.c — copy: one set to another destination, by synbakd or by a worker of our own. */
#include <string.h>

#include "cli/bare.h"
#include "cli/cli.h"
#include "cli/place.h"
#include "cli/wait_run.h"
#include "cli/worker_run.h"

static json_t *place_of(const char *destination, int64_t bytes)
{
    return json_pack("{s:s, s:I}", "destination", destination, "bytes", (json_int_t)bytes);
}

/* --- by synbakd --- */

/* Where the set lies now: what `show` tells of each destination. The copy is there even if that is
 * not told any more. */
static void add_places(struct cli *c, json_t *result)
{
    _cleanup_json_ json_t *shown = NULL, *places = json_array();
    const char *job = json_opt_string(result, "job", ""), *id = json_opt_string(result, "id", "");
    struct err ignored = {0};
    json_t *set;
    size_t i;

    if (cli_call(c, "show", json_pack("{s:s, s:s}", "job", job, "id", id), &shown, &ignored) < 0)
        (void)json_array_append_new(places, place_of(json_opt_string(result, "destination", "?"),
                                                     json_opt_i64(result, "bytes", 0)));
    json_array_foreach(json_object_get(shown, "sets"), i, set)
    {
        json_t *place =
            place_of(json_opt_string(set, "destination", "?"), json_opt_i64(set, "bytes", 0));
        (void)json_array_append_new(places, place);
    }
    (void)json_object_set(result, "places", places);
}

static int copy_by_daemon(struct cli *c, const struct target *t, json_t **ret, struct err *e)
{
    const char *from = args_value(c->args, "--from");
    _cleanup_json_ json_t *params = target_params(c, t);

    (void)json_object_set_new(params, "destination",
                              json_printable(args_value(c->args, "--destination")));
    (void)json_object_set_new(params, "wait", json_true());
    if (from != NULL)
        (void)json_object_set_new(params, "from", json_printable(from));
    int rc = wait_for_answer(c, "copy", json_incref(params), ret, e);
    if (rc == 1)
        return err_set(e, ERR_CANCELLED, "no longer waiting; the copy of %s/%s goes on", t->job,
                       t->id);
    if (rc < 0)
        return e->code == ERR_NOT_FOUND ? target_advise(c, params, e) : -1;
    add_places(c, *ret);
    return 0;
}

/* --- by a worker of our own --- */

/* A destination that could give the set: of the job, if that is configured, and not the target. */
static bool may_give(const struct cli *c, const struct destination *d, const struct job *job)
{
    const char *from = args_value(c->args, "--from");
    bool listed = job == NULL;

    for (size_t i = 0; job != NULL && i < job->destination_count; i++)
        listed = listed || job->destinations[i] == d;
    if (str_equal(d->name, args_value(c->args, "--destination")))
        return false;
    return from != NULL ? str_equal(d->name, from) : listed;
}

struct supply { /* where the set is, and which one is meant */
    const char *from;
    json_t *store; /* STORE */
    char *job, *id;
};

static void supply_deinit(struct supply *s)
{
    json_decref(s->store);
    free(s->job);
    free(s->id);
}

/* The first destination that has it, local ones before others. */
static int find_supply(struct cli *c, const struct target *t, struct supply *s, struct err *e)
{
    const struct job *job = config_job(c->config, t->job);

    (void)err_set(e, ERR_NOT_FOUND, "no other destination could give a set of job \"%s\"", t->job);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < c->config->destination_count; i++) {
            const struct destination *d = c->config->destinations[i];
            if (!may_give(c, d, job) || destination_is_remote(d) != (pass == 1))
                continue;
            json_decref(s->store);
            s->store = NULL;
            s->from = d->name;
            if (place_store_of(c, d, &s->store, e) == 0 &&
                bare_find(c, s->store, t->job, t->id, &s->job, &s->id, e) == 0)
                return 0;
            (void)err_wrap(e, "destination \"%s\"", d->name);
        }
    }
    return -1;
}

static json_t *tell(const struct supply *s, const char *to, const json_t *done)
{
    int64_t bytes = json_opt_i64(done, "stored_bytes", 0), given = 0;
    json_t *source;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(done, "set"), "sources"), i, source) given +=
        json_opt_i64(source, "stored_bytes", 0);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:[o, o]}", "job", s->job, "id",
                     s->id, "destination", to, "from", s->from, "state",
                     json_opt_i64(done, "sent_bytes", 0) == 0 ? "there" : "copied", "bytes",
                     (json_int_t)bytes, "sent_bytes",
                     (json_int_t)json_opt_i64(done, "sent_bytes", 0), "reencrypted",
                     json_opt_bool(done, "reencrypted", false), "places", place_of(s->from, given),
                     place_of(to, bytes));
}

static int copy_by_worker(struct cli *c, const struct target *t, json_t **ret, struct err *e)
{
    _cleanup_(supply_deinit) struct supply s = {0};
    _cleanup_json_ json_t *to = NULL, *done = NULL;
    const char *name = args_value(c->args, "--destination"), *from = args_value(c->args, "--from");

    if (cli_load_config(c, e) < 0)
        return -1;
    if (config_destination(c->config, name) == NULL ||
        (from != NULL && config_destination(c->config, from) == NULL))
        return err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"",
                       config_destination(c->config, name) == NULL ? name : from);
    if (find_supply(c, t, &s, e) < 0 ||
        place_store_of(c, config_destination(c->config, name), &to, e) < 0)
        return -1;
    const struct worker_run run = {.screen = &c->screen,
                                   .job = json_pack("{s:s, s:O, s:O, s:s, s:s}", "verb", "copy",
                                                    "from", s.store, "to", to, "job", s.job, "id",
                                                    s.id)};
    if (worker_run(&run, &done, e) < 0)
        return -1;
    *ret = tell(&s, name, done);
    return 0;
}

/* --- both --- */

static void print(const struct screen *s, const json_t *result)
{
    const char *job = json_opt_string(result, "job", "?"), *id = json_opt_string(result, "id", "?");
    const char *to = json_opt_string(result, "destination", "?");
    char size[16];
    json_t *place;
    size_t i;

    if (str_equal(json_opt_string(result, "state", ""), "there")) {
        say(s, GREEN, "there already");
        say_line(s, PLAIN, ": %s/%s at %s", job, id, to);
    } else {
        say(s, GREEN, "copied");
        say_line(s, PLAIN, ": %s/%s from %s to %s, %s sent%s", job, id,
                 json_opt_string(result, "from", "?"), to,
                 str_bytes((uint64_t)json_opt_i64(result, "sent_bytes", 0), size),
                 json_opt_bool(result, "reencrypted", false) ? ", in another form" : "");
    }
    json_array_foreach(json_object_get(result, "places"), i, place) say_line(
        s, PLAIN, "  %-8s %s, %s", i == 0 ? "at" : "", json_opt_string(place, "destination", "?"),
        str_bytes((uint64_t)json_opt_i64(place, "bytes", 0), size));
    say_line(s, PLAIN, "  restore  %s", json_opt_string(result, "restore", "?"));
}

static int check_words(const struct cli *c, struct err *e)
{
    const char *to = args_value(c->args, "--destination"), *from = args_value(c->args, "--from");

    if (to == NULL)
        return err_set(e, ERR_USAGE, "copy wants --destination NAME: where the set is to lie");
    if (target_is_path(to) || (from != NULL && target_is_path(from)))
        return err_set(e, ERR_USAGE, "copy wants names of destinations of the configuration");
    if (str_equal(to, from))
        return err_set(e, ERR_USAGE, "the set would come from where it is to go");
    return 0;
}

int cmd_copy(struct cli *c, struct err *e)
{
    _cleanup_(target_deinit) struct target t = {0};
    _cleanup_json_ json_t *result = NULL;

    if (check_words(c, e) < 0)
        return -1;
    int rc = cli_connect_optional(c, e);
    if (rc < 0 || target_of_command(c, &t, e) < 0)
        return -1;
    if (t.file != NULL)
        return err_set(e, ERR_USAGE, "copy wants JOB/ID, not a file");
    rc = rc == 0 ? copy_by_daemon(c, &t, &result, e) : copy_by_worker(c, &t, &result, e);
    if (rc < 0)
        return -1;
    _cleanup_free_ char *restore = mem_printf(
        "synbakctl restore %s/%s --destination %s", json_opt_string(result, "job", t.job),
        json_opt_string(result, "id", t.id), args_value(c->args, "--destination"));
    (void)json_object_set_new(result, "restore", json_printable(restore));
    if (!cli_json(c, result))
        print(&c->screen, result);
    return EXIT_DONE;
}
