/* place_daemon.c — see place_daemon.h. */
#include "cli/place_daemon.h"

#include "cli/bare.h"

/* What opens the store, as far as the daemon did not give it, and the old keys. */
static void add_secrets(json_t *store, const json_t *ours)
{
    static const char *const names[] = {"access_key", "secret_key", "session_token", "private_key",
                                        "passphrase"};

    (void)json_object_set(store, "old_keys", json_object_get(ours, "old_keys"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_is_null(json_object_get(store, names[i])))
            (void)json_object_set(store, names[i], json_object_get(ours, names[i]));
}

/* The daemon gives its key to root alone; anybody else, and root for old keys, reads where the
 * configuration says. */
static int add_keys(struct cli *c, struct place *p, const json_t *begun, const char *destination,
                    struct err *e)
{
    json_t *key = json_object_get(begun, "key");
    const struct destination *d = p->configured ? config_destination(c->config, destination) : NULL;
    _cleanup_json_ json_t *ours = NULL;
    int rc = d != NULL ? place_store_of(c, d, &ours, e) : -1;

    if (rc == 0)
        add_secrets(p->store, ours);
    if (json_is_string(key) || json_is_string(json_object_get(p->store, "key"))) {
        if (json_is_string(key))
            (void)json_object_set(p->store, "key", key);
        return 0;
    }
    if (str_equal(json_opt_string(p->store, "key_hint", ""), "none") &&
        !json_is_null(json_object_get(p->store, "access_key")))
        return 0;
    if (rc == 0) {
        (void)json_object_set(p->store, "key", json_object_get(ours, "key"));
        return 0;
    }
    if (d != NULL)
        return err_wrap(e, "synbakd gives the key to root alone (sudo synbakctl ...)");
    return err_set(e, ERR_KEY,
                   "the key of destination \"%s\" goes to root alone, and the configuration that "
                   "says where it lies cannot be read by you (sudo synbakctl ...)",
                   destination);
}

/* The configuration that the daemon uses, if we may read it. --config stays what it is. */
static void load_daemons_config(struct cli *c, const json_t *begun)
{
    const char *file = json_opt_string(begun, "config_file", NULL);

    if (args_has(c->args, "--config")) {
        (void)!cli_load_config(c, NULL);
        return;
    }
    config_unref(c->config);
    c->config = NULL;
    if (file != NULL)
        (void)!config_load(file, &c->config, NULL, NULL);
}

/* Ask for the set, at `destination` if that is not NULL, and fill *p by the answer. */
static int begin(struct cli *c, const struct target *t, const char *purpose,
                 const char *destination, struct place *p, json_t **ret_begun, struct err *e)
{
    json_t *params = cli_params(c);

    (void)json_object_set_new(params, "job", json_printable(t->job));
    (void)json_object_set_new(params, "id", json_printable(t->id));
    (void)json_object_set_new(params, "purpose", json_string(purpose));
    if (destination != NULL)
        (void)json_object_set_new(params, "destination", json_printable(destination));
    if (cli_call(c, "restore-begin", params, ret_begun, e) < 0 ||
        json_get_object(*ret_begun, "store", &p->store, e) < 0)
        return -1;
    const json_t *begun = *ret_begun;
    (void)json_incref(p->store);
    p->job = mem_strdup(json_opt_string(begun, "job", t->job));
    p->id = mem_strdup(json_opt_string(begun, "id", t->id));
    p->token = mem_strdup(json_opt_string(begun, "token", ""));
    load_daemons_config(c, begun);
    p->configured = c->config != NULL && config_job(c->config, p->job) != NULL;
    return add_keys(c, p, begun,
                    json_opt_string(begun, "destination", destination != NULL ? destination : "?"),
                    e);
}

int place_from_daemon(struct cli *c, struct target *t, const char *purpose, struct place *ret,
                      struct err *e)
{
    _cleanup_json_ json_t *begun = NULL;
    json_t *next;
    size_t i;

    if (target_complete(c, t, e) < 0 ||
        begin(c, t, purpose, args_value(c->args, "--destination"), ret, &begun, e) < 0)
        return -1;
    /* the others that have this very set, from near to far */
    json_array_foreach(json_object_get(begun, "elsewhere"), i, next)
    {
        struct err why = {0};
        if (bare_reach(c, ret->store, ret->job, ret->id, &why) == 0)
            return 0;
        (void)err_wrap(&why, "destination \"%s\"", json_opt_string(ret->store, "destination", "?"));
        place_note_passed_over(&why, json_string_value(next));
        free(t->id);
        t->id = mem_strdup(ret->id);
        place_release(c, ret, &why, NULL);
        _cleanup_json_ json_t *again = NULL;
        if (begin(c, t, purpose, json_string_value(next), ret, &again, e) < 0)
            return -1;
    }
    return 0;
}
