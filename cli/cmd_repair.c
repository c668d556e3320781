/* cmd_repair.c — repair: what is damaged or missing at one replica of a repository comes from the others. A worker of
 * ours does it: who calls it needs the key and the right to write there. */
#include "cli/cli.h"
#include "cli/repository_places.h"
#include "cli/worker_run.h"

static int make_job(struct cli *c, const struct repository_places *p, const char *name,
                    json_t **ret, struct err *e)
{
    json_t *from = json_array(), *store, *to = NULL;
    size_t i;

    json_array_foreach(p->stores, i, store)
    {
        if (str_equal(p->items[i]->name, name))
            to = store;
        else
            (void)json_array_append(from, store);
    }
    if (json_array_size(from) == 0) {
        json_decref(from);
        return err_set(e, ERR_REFUSED,
                       "destination \"%s\" has no replica to be mended from: they are destinations "
                       "with the same \"repository\"",
                       name);
    }
    *ret = json_pack("{s:s,s:O,s:o,s:b}", "verb", "repair", "to", to, "from", from, "data",
                     args_has(c->args, "--data"));
    return 0;
}

static int print_result(struct cli *c, const char *name, const json_t *result)
{
    const json_t *left = json_object_get(result, "left"), *one;
    size_t mended = json_array_size(json_object_get(result, "mended")), i;
    long long brought = json_integer_value(json_object_get(result, "brought"));
    int status = json_array_size(left) > 0 ? EXIT_FAILED : EXIT_DONE;

    if (cli_json(c, result))
        return status;
    json_array_foreach(left, i, one)
    {
        say_line(&c->screen, RED, "not mended: %s: %s", json_opt_string(one, "object", "?"),
                 json_opt_string(one, "error", "?"));
    }
    say_line(&c->screen, PLAIN, "%s: %zu damaged objects mended, %lld missing ones brought", name,
             mended, brought);
    if (mended > 0 || brought > 0)
        say_line(
            &c->screen, PLAIN,
            "sets that counted as damaged are good again after: synbakctl verify --all --data");
    return status;
}

int cmd_repair(struct cli *c, struct err *e)
{
    const char *name = args_operand(c->args, 0);
    _cleanup_(repository_places_deinit) struct repository_places p = {0};
    _cleanup_json_ json_t *result = NULL;
    json_t *job;

    if (cli_load_config(c, e) < 0 || repository_places_named(c->config, name, &p, e) < 0 ||
        repository_places_open(c, &p, e) < 0 || make_job(c, &p, name, &job, e) < 0)
        return -1;
    _cleanup_free_ char *user = repository_places_user(&p);
    const struct worker_run run = {.screen = &c->screen, .job = job, .user = user};
    if (worker_run(&run, &result, e) < 0)
        return err_wrap(e, "destination \"%s\"", name);
    return print_result(c, name, result);
}
