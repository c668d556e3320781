#include "cli/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask_secret.h"
#include "cli/bare.h"
#include "cli/bare_place.h"
#include "cli/confirm.h"
#include "cli/keys.h"
#include "cli/place_daemon.h"
#include "cli/sandbox.h"
#include "lib/protocol/job.h"
#include "lib/schedule/upload.h"

int place_parse_secret(const char *option, const char *text, struct secret_ref *ret, struct err *e)
{
    if (text[0] == '/' || text[0] == '.') {
        *ret = (struct secret_ref){SECRET_FILE, mem_strdup(text)};
        return 0;
    }
    if (secret_ref_parse(text, ret, e) == 0)
        return 0;
    e->code = ERR_USAGE;
    return err_wrap(e, "%s", option);
}

char *place_absolute(const char *path)
{
    _cleanup_free_ char *here = getcwd(NULL, 0);

    if (path[0] == '/' || here == NULL)
        return mem_strdup(path);
    return mem_printf("%s/%s", here, str_starts(path, "./") ? path + 2 : path);
}

/* What the worker is told is the secret itself; only the reading of it differs from the daemon's.
 */
int place_store_of(const struct cli *c, const struct destination *d, json_t **ret, struct err *e)
{
    const char *zone = c->config != NULL ? c->config->timezone : NULL;
    struct job_secrets secrets;
    struct rate_course rates;

    if (job_read_secrets(d, key_read, &secrets, e) < 0)
        return -1;
    int rc = upload_course_in(&d->upload_limit, zone, clock_wall(), &rates, e);
    if (rc == 0)
        *ret = job_store(d, &secrets, &(struct job_store_context){.rates = &rates});
    upload_course_free(&rates);
    job_secrets_deinit(&secrets);
    return rc;
}

bool place_key_is_asked(const struct cli *c)
{
    const char *key = args_value(c->args, "--key");

    return key != NULL ? str_equal(key, "ask") : confirm_possible();
}

static int ask_key(json_t **ret, struct err *e)
{
    struct secret key;

    if (ask_secret("Key, recovery code or passphrase", false, &key, e) < 0)
        return -1;
    *ret = json_string(key.text);
    secret_deinit(&key);
    return 0;
}

/* As it stands in a ping, with or without "heads NAME:" before it; a lone one is the writer's. */
static int add_known_head(struct cli *c, json_t *store, struct err *e)
{
    const char *text = args_value(c->args, "--known-head"), *member = "known_writer";
    _cleanup_free_ char *words = NULL;
    char *at, *word;

    if (text == NULL)
        return 0;
    if (str_starts(text, "heads ") && strstr(text, ": ") != NULL)
        text = strstr(text, ": ") + 2;
    words = mem_strdup(text);
    for (at = words; (word = strsep(&at, " ")) != NULL;) {
        if (strcmp(word, "writer") == 0 || strcmp(word, "pruner") == 0)
            member = word[0] == 'w' ? "known_writer" : "known_pruner";
        else if (strchr(word, ':') != NULL)
            (void)json_object_set_new(store, member, json_printable(word));
        else if (word[0] != '\0' && strcmp(word, "-") != 0)
            return err_set(e, ERR_USAGE,
                           "--known-head: \"%.80s\" is not NUMBER:HASH, as a ping tells it: "
                           "\"writer NUMBER:HASH pruner NUMBER:HASH\"",
                           word);
    }
    return 0;
}

int place_store_of_bare(struct cli *c, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *store = NULL;
    struct destination *d = NULL;
    json_t *key = NULL;

    if (bare_place_parse(c, &d, e) < 0)
        return -1;
    int rc = place_store_of(c, d, &store, e);
    bare_place_free(d);
    if (rc < 0 || (place_key_is_asked(c) && ask_key(&key, e) < 0))
        return -1;
    if (key != NULL)
        (void)json_object_set_new(store, "key", key);
    /* what lies there says what it is */
    (void)json_object_set_new(store, "format", json_string("any"));
    if (add_known_head(c, store, e) < 0)
        return -1;
    *ret = json_incref(store);
    return 0;
}

/* The key of a file: --key, or that of the configured destination it lies in or that is the only
 * one. */
static int find_file_key(struct cli *c, struct place *p, struct err *e)
{
    const char *given = args_value(c->args, "--key");
    const char *name = args_value(c->args, "--destination");
    struct secret_ref ref = {0};
    struct secret key = {0};
    const struct destination *found = NULL;

    if (str_equal(given, "ask"))
        return ask_key(&p->key, e);
    if (given != NULL) {
        if (place_parse_secret("--key", given, &ref, e) < 0)
            return -1;
        int rc = ref.kind == SECRET_NONE ? 0 : key_read(&ref, false, &key, e);
        secret_ref_deinit(&ref);
        if (rc < 0)
            return -1;
    } else {
        if (cli_load_config(c, NULL) == 0)
            for (size_t i = 0; i < c->config->destination_count; i++) {
                const struct destination *d = c->config->destinations[i];
                if (name != NULL
                        ? str_equal(d->name, name)
                        : (d->type == DESTINATION_DIRECTORY && path_inside(p->file, d->path)) ||
                              c->config->destination_count == 1)
                    found = d;
            }
        if (found == NULL)
            return err_set(e, ERR_USAGE, "which key opens %s? --key file:PATH, env:NAME or none",
                           p->file);
        if (found->key.kind != SECRET_NONE && key_read(&found->key, false, &key, e) < 0)
            return -1;
    }
    p->key = key.text != NULL ? json_string(key.text) : json_null();
    secret_deinit(&key);
    return 0;
}

static int try_destination(struct cli *c, const struct destination *d, const struct target *t,
                           struct place *p, struct err *e)
{
    json_decref(p->store);
    p->store = NULL;
    if (place_store_of(c, d, &p->store, e) < 0)
        return -1;
    if (bare_find(c, p->store, t->job, t->id, &p->job, &p->id, e) < 0)
        return err_wrap(e, "destination \"%s\"", d->name);
    return 0;
}

/* Whether a job that is configured has nothing to do with this destination. */
static bool is_strange(const struct job *job, const struct destination *d)
{
    for (size_t i = 0; job != NULL && i < job->destination_count; i++)
        if (job->destinations[i] == d)
            return false;
    return job != NULL;
}

/* Without a daemon: of the configured destinations the nearest that has the set. What does not
 * answer is passed over, and that is said. */
static int from_config(struct cli *c, struct target *t, struct place *p, struct err *e)
{
    const char *wanted = args_value(c->args, "--destination");

    if (cli_load_config(c, e) < 0 || target_complete(c, t, e) < 0)
        return -1;
    const struct config *config = c->config;
    const struct job *job = config_job(config, t->job);
    const size_t count = config->destination_count;
    bool failed = false;
    p->configured = job != NULL;
    if (wanted != NULL && config_destination(config, wanted) == NULL)
        return err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"", wanted);
    (void)err_set(e, ERR_NOT_FOUND, "the configuration has no destination");
    for (size_t i = 0; i < 2 * count; i++) { /* the local ones first */
        const struct destination *d = config->destinations[i % count];
        if (destination_is_remote(d) != (i >= count) ||
            (wanted != NULL ? !str_equal(d->name, wanted) : is_strange(job, d)))
            continue;
        if (failed)
            place_note_passed_over(e, d->name);
        failed = try_destination(c, d, t, p, e) < 0;
        if (!failed)
            return 0;
    }
    return -1;
}

void place_note_passed_over(const struct err *why, const char *next)
{
    _cleanup_free_ char *shown = str_printable(why->text, strlen(why->text));

    (void)fprintf(stderr, "synbakctl: %s; looking at \"%s\"\n", shown, next);
}

void place_note_not_looked_at(const struct err *why)
{
    _cleanup_free_ char *shown = str_printable(why->text, strlen(why->text));

    (void)fprintf(stderr, "synbakctl: not looked at: %s\n", shown);
}

int place_find(struct cli *c, struct target *t, const char *purpose, struct place *ret,
               struct err *e)
{
    const char *destination = args_value(c->args, "--destination");

    *ret = (struct place){0};
    if (t->file != NULL) {
        ret->file = place_absolute(t->file);
        (void)!cli_load_config(c, NULL);
        return find_file_key(c, ret, e);
    }
    if (destination != NULL && bare_is_place(destination)) {
        if (place_store_of_bare(c, &ret->store, e) < 0 ||
            bare_find(c, ret->store, t->job, t->id, &ret->job, &ret->id, e) < 0)
            return -1;
        ret->configured = cli_load_config(c, NULL) == 0 && config_job(c->config, ret->job) != NULL;
        return 0;
    }
    int rc = cli_connect_optional(c, e);
    if (rc < 0)
        return -1;
    return rc == 0 ? place_from_daemon(c, t, purpose, ret, e) : from_config(c, t, ret, e);
}

void place_release(struct cli *c, struct place *p, const struct err *e, json_t *summary)
{
    if (p->token != NULL && c->client != NULL) {
        _cleanup_json_ json_t *done = NULL;
        json_t *params = json_pack("{s:s, s:b}", "token", p->token, "ok", e == NULL);
        if (e != NULL)
            (void)json_object_set_new(params, "error", json_printable(e->text));
        if (summary != NULL)
            (void)json_object_set(params, "summary", summary);
        /* a daemon that is gone released the guard when the connection closed */
        (void)!client_call(c->client,
                           (struct client_call){.method = "restore-end", .params = params}, &done,
                           NULL);
    }
    json_decref(p->store);
    json_decref(p->key);
    free(p->file);
    free(p->job);
    free(p->id);
    free(p->token);
    *p = (struct place){0};
}

json_t *place_job(const struct place *p, const char *verb)
{
    json_t *job = json_pack("{s:s}", "verb", verb);

    if (p->file != NULL) {
        (void)json_object_set_new(job, "file", json_printable(p->file));
        (void)json_object_set(job, "key", p->key);
        return job;
    }
    (void)json_object_set(job, "store", p->store);
    (void)json_object_set_new(job, "job", json_printable(p->job));
    (void)json_object_set_new(job, "id", json_printable(p->id));
    return job;
}
