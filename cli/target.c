#include "cli/target.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { NAMES_MAX = 10000 };

bool target_is_path(const char *operand)
{
    return operand[0] == '/' || operand[0] == '.' || str_ends(operand, ".tar");
}

static bool is_id(const char *s)
{
    struct wall t;

    return strcmp(s, "latest") == 0 || clock_parse_set_id(s, &t) == 0;
}

int target_parse(const char *operand, struct target *ret, struct err *e)
{
    *ret = (struct target){0};
    if (operand != NULL && target_is_path(operand)) {
        ret->file = operand;
        return 0;
    }
    if (operand == NULL || is_id(operand)) {
        ret->id = mem_strdup(operand != NULL ? operand : "latest");
        return 0;
    }
    const char *slash = strchr(operand, '/');
    size_t len = slash != NULL ? (size_t)(slash - operand) : strlen(operand);
    ret->job = mem_strndup(operand, len);
    ret->id = mem_strdup(slash != NULL ? slash + 1 : "latest");
    if (str_is_name(ret->job) && ret->id[0] != '\0' && strchr(ret->id, '/') == NULL)
        return 0;
    target_deinit(ret);
    _cleanup_free_ char *shown = str_printable(operand, strlen(operand));
    return err_set(e, ERR_USAGE, "\"%s\" is neither JOB nor JOB/ID (a file is written ./FILE)",
                   shown);
}

void target_deinit(struct target *t)
{
    free(t->job);
    free(t->id);
    *t = (struct target){0};
}

/* The names of all jobs: of the daemon if one answers, else of the configuration. */
static int job_names(struct cli *c, struct strlist *names, struct err *e)
{
    int rc = cli_connect_optional(c, e);

    if (rc < 0)
        return -1;
    if (rc == 1) {
        if (cli_load_config(c, e) < 0)
            return -1;
        for (size_t i = 0; i < c->config->job_count; i++)
            strlist_add(names, c->config->jobs[i]->name);
        return 0;
    }
    _cleanup_json_ json_t *status = NULL;
    json_t *job;
    size_t i;
    if (client_call(c->client, (struct client_call){.method = "status"}, &status, e) < 0)
        return -1;
    json_array_foreach(json_object_get(status, "jobs"), i, job)
        strlist_add(names, json_opt_string(job, "name", "?"));
    return 0;
}

int target_complete(struct cli *c, struct target *t, struct err *e)
{
    struct strlist names = {0};

    if (t->job != NULL || t->file != NULL)
        return 0;
    int rc = job_names(c, &names, e);
    if (rc == 0 && names.count == 1) {
        t->job = mem_strdup(names.items[0]);
    } else if (rc == 0 && names.count == 0) {
        rc = err_set(e, ERR_CONFIG, "no job is configured (add a [job NAME] section)");
    } else if (rc == 0) {
        _cleanup_json_ json_t *list = json_from_strings(&names);
        _cleanup_free_ char *joined = join_strings(list, ", ");
        rc = err_set(e, ERR_USAGE, "name the job, there are %zu: %s", names.count, joined);
    }
    strlist_deinit(&names);
    return rc;
}

int target_of_command(struct cli *c, struct target *ret, struct err *e)
{
    if (target_parse(args_operand(c->args, 0), ret, e) < 0)
        return -1;
    if (ret->file != NULL && c->args->command->completes == C_JOB)
        return err_set(e, ERR_USAGE, "%s wants a job, not a file", c->args->command->words);
    return target_complete(c, ret, e);
}

json_t *target_params(const struct cli *c, const struct target *t)
{
    json_t *params = cli_params(c);

    (void)json_object_set_new(params, "job", json_printable(t->job));
    if (c->args->command->completes == C_SET)
        (void)json_object_set_new(params, "id", json_printable(t->id));
    return params;
}

static int advise_set(const char *job, const char *id, const json_t *sets, struct err *e)
{
    const char *ids[NAMES_MAX];
    size_t count = 0, i;
    json_t *set;

    json_array_foreach(sets, i, set) if (count < NAMES_MAX) ids[count++] =
        json_opt_string(set, "id", "?");
    if (count == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "job \"%s\" has no sets yet (make one: synbakctl trigger %s)", job, job);
    if (strcmp(id, "latest") == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "job \"%s\" has no good set (synbakctl list %s shows the others)", job, job);
    const char *near = str_nearest(id, ids, count);
    _cleanup_free_ char *shown = str_printable(id, strlen(id));
    return err_set(e, ERR_NOT_FOUND,
                   "job \"%s\" has no set \"%s\"; the nearest is %s (synbakctl list %s shows all)",
                   job, shown, near != NULL ? near : ids[0], job);
}

int target_advise(struct cli *c, const json_t *params, struct err *e)
{
    const char *job = json_opt_string(params, "job", NULL);
    const char *id = json_opt_string(params, "id", NULL);
    struct strlist names = {0};
    _cleanup_json_ json_t *list = NULL;
    struct err ignored = {0};

    if (job == NULL || strstr(e->text, "synbakctl ") != NULL || job_names(c, &names, &ignored) < 0)
        return -1;
    if (!strlist_contains(&names, job)) {
        const char *near = str_nearest(job, (const char *const *)names.items, names.count);
        (void)err_set(e, ERR_NOT_FOUND,
                      "there is no job \"%s\"%s%s%s (synbakctl status lists them)", job,
                      near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                      near != NULL ? "\"?" : "");
    } else if (id != NULL &&
               client_call(
                   c->client,
                   (struct client_call){.method = "list", .params = json_pack("{s:s}", "job", job)},
                   &list, &ignored) == 0) {
        (void)advise_set(job, id, json_object_get(list, "sets"), e);
    }
    strlist_deinit(&names);
    return -1;
}
