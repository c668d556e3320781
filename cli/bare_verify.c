#include "cli/bare_verify.h"

#include <stdio.h>

#include "cli/bare.h"
#include "cli/bare_place.h"
#include "cli/place.h"
#include "cli/wait_run.h"
#include "cli/worker_run.h"

/* What all destinations together had. */
struct found {
    struct cli *c;
    json_t *damaged;
    int64_t sets, bytes;
    size_t places;
    bool names_only; /* at one of them */
};

static void print_one(const struct screen *s, const char *destination, const json_t *result)
{
    const json_t *damaged = json_object_get(result, "damaged"), *o;
    const bool good = json_array_size(damaged) == 0;
    const int64_t bytes = json_opt_i64(result, "bytes", 0), sets = json_opt_i64(result, "sets", 0);
    char size[16];
    size_t i;

    json_array_foreach(damaged, i, o)
        say_line(s, RED, "damaged: %s/%s: %s", json_opt_string(o, "job", "?"),
                 json_opt_string(o, "id", "?"), json_opt_string(o, "error", "?"));
    if (destination != NULL)
        say(s, PLAIN, "%s: ", destination);
    if (good && json_opt_bool(result, "names_only", false)) {
        say_line(s, PLAIN,
                 "what lies there is what its names say; whether each set is whole, only a "
                 "key that may read can tell");
        return;
    }
    say(s, good ? GREEN : RED, "%s", verify_word(good, bytes));
    say_line(s, PLAIN, ": %lld set%s%s%s", (long long)sets, sets == 1 ? "" : "s",
             bytes > 0 ? ", " : "", bytes > 0 ? str_bytes((uint64_t)bytes, size) : "");
    if (good && bytes == 0 && sets > 0)
        say_line(s, PLAIN, "%s", VERIFY_HINT);
}

/* The job is taken. destination: NULL where there is but one place. */
static int verify_one(struct found *f, json_t *job, const char *destination, struct err *e)
{
    const struct worker_run run = {.screen = &f->c->screen, .job = job};
    _cleanup_json_ json_t *result = NULL;
    json_t *o;
    size_t i;

    (void)json_object_set_new(job, "data", json_boolean(args_has(f->c->args, "--data")));
    if (worker_run(&run, &result, e) < 0)
        return -1;
    f->places++;
    f->names_only = f->names_only || json_opt_bool(result, "names_only", false);
    f->sets += json_opt_i64(result, "sets", 0);
    f->bytes += json_opt_i64(result, "bytes", 0);
    if (!f->c->screen.json)
        print_one(&f->c->screen, destination, result);
    json_array_foreach(json_object_get(result, "damaged"), i, o)
    {
        if (destination != NULL)
            (void)json_object_set_new(o, "destination", json_string(destination));
        (void)json_array_append(f->damaged, o);
    }
    return 0;
}

/* A file, or a place that the command line names itself. */
static int verify_place(struct found *f, struct target *t, struct err *e)
{
    struct place p = {0};
    json_t *job;

    if (args_has(f->c->args, "--all")) {
        if (place_store_of_bare(f->c, &p.store, e) < 0)
            return -1;
        job = json_pack("{s:s, s:O, s:b}", "verb", "verify", "store", p.store, "all", 1);
    } else {
        if (place_find(f->c, t, "verify", &p, e) < 0) {
            place_release(f->c, &p, e, NULL);
            return -1;
        }
        job = place_job(&p, "verify");
    }
    int rc = verify_one(f, job, NULL, e);
    place_release(f->c, &p, rc < 0 ? e : NULL, NULL);
    return rc;
}

/* t->job NULL: all that lies there. ERR_NOT_FOUND: the set does not. */
static int verify_at(struct found *f, struct target *t, const struct destination *d, struct err *e)
{
    _cleanup_json_ json_t *store = NULL;
    _cleanup_free_ char *job = NULL, *id = NULL;

    if (place_store_of(f->c, d, &store, e) < 0)
        return -1;
    if (t->job == NULL)
        return verify_one(f,
                          json_pack("{s:s, s:O, s:b}", "verb", "verify", "store", store, "all", 1),
                          d->name, e);
    if (bare_find(f->c, store, t->job, t->id, &job, &id, e) < 0)
        return -1;
    free(t->id); /* "latest" is the same set everywhere */
    t->id = mem_strdup(id);
    return verify_one(
        f,
        json_pack("{s:s, s:O, s:s, s:s}", "verb", "verify", "store", store, "job", job, "id", id),
        d->name, e);
}

static bool is_meant(const struct cli *c, const struct target *t, const struct destination *d)
{
    const char *wanted = args_value(c->args, "--destination");
    const struct job *job = t->job != NULL ? config_job(c->config, t->job) : NULL;

    if (wanted != NULL)
        return str_equal(d->name, wanted);
    for (size_t i = 0; job != NULL && i < job->destination_count; i++)
        if (job->destinations[i] == d)
            return true;
    return job == NULL;
}

/* Every one is tried; the first failure is the command's. */
static int verify_configured(struct found *f, struct target *t, struct err *e)
{
    const struct config *config = f->c->config;
    const char *wanted = args_value(f->c->args, "--destination");
    struct err first = {0};

    if (wanted != NULL && config_destination(config, wanted) == NULL)
        return err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"", wanted);
    (void)err_set(e, ERR_NOT_FOUND, "the configuration has no destination");
    for (size_t i = 0; i < config->destination_count; i++) {
        const struct destination *d = config->destinations[i];
        if (!is_meant(f->c, t, d) || verify_at(f, t, d, e) == 0)
            continue;
        if (e->code == ERR_CANCELLED)
            return -1;
        (void)err_wrap(e, "destination \"%s\"", d->name);
        place_note_not_looked_at(e);
        if (first.code == ERR_NONE && (e->code != ERR_NOT_FOUND || wanted != NULL))
            first = *e;
    }
    if (first.code == ERR_NONE && f->places > 0)
        return 0;
    if (first.code != ERR_NONE)
        *e = first;
    return -1;
}

int bare_verify(struct cli *c, struct target *t, struct err *e)
{
    const char *place = args_value(c->args, "--destination");
    struct found f = {.c = c, .damaged = json_array()};
    int rc = t->file != NULL || (place != NULL && bare_is_place(place))
                 ? verify_place(&f, t, e)
                 : verify_configured(&f, t, e);

    _cleanup_json_ json_t *all = json_pack("{s:I, s:I, s:O}", "sets", (json_int_t)f.sets, "bytes",
                                           (json_int_t)f.bytes, "damaged", f.damaged);
    if (f.names_only)
        (void)json_object_set_new(all, "names_only", json_true());
    if (f.places > 0)
        (void)cli_json(c, all);
    bool good = json_array_size(f.damaged) == 0;
    json_decref(f.damaged);
    return rc < 0 ? -1 : good ? EXIT_DONE : EXIT_FAILED;
}
