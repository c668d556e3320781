/* doctor_ready.c — the go-live list: what must be so before somebody relies on these backups. */
#include <string.h>

#include "cli/doctor.h"
#include "lib/base/child.h"

static void item(json_t *list, bool ok, const char *what, const char *action)
{
    (void)json_array_append_new(list,
                                json_pack("{s:b, s:s, s:s}", "ok", ok, "what", what, "do", action));
}

static bool no_errors(const json_t *findings)
{
    json_t *o;
    size_t i;

    json_array_foreach(findings, i,
                       o) if (str_equal(json_opt_string(o, "level", ""), "error")) return false;
    return true;
}

static bool starts_at_boot(void)
{
    static const char *const argv[] = {"systemctl", "is-enabled", "--quiet", "synbakd.service",
                                       NULL};
    const struct child_spec spec = {.argv = argv, .pass_fd = -1, .timeout_ms = 10000};
    struct buf out = BUF_INIT(4096);
    int rc = child_run(&spec, &out, NULL);

    buf_deinit(&out);
    return rc == 0;
}

/* Where a job has several destinations, each has got what it is owed. */
static void copies_item(json_t *list, const json_t *job, const char *name)
{
    json_t *places = json_object_get(job, "destinations"), *place;
    bool all = true;
    size_t i;

    if (json_array_size(places) < 2)
        return;
    json_array_foreach(places, i, place) all &=
        json_opt_string(place, "newest", NULL) != NULL && json_opt_i64(place, "lacks", 0) == 0;
    _cleanup_free_ char *what = mem_printf(
        "each of the %zu destinations of job \"%s\" has its sets", json_array_size(places), name);
    item(list, all, what, "synbakctl status says what is missing where, and why");
}

static void job_items(json_t *list, const json_t *job)
{
    const char *name = json_opt_string(job, "name", "?");
    bool good = json_opt_string(job, "latest", NULL) != NULL;
    bool verified = good && !str_equal(json_opt_string(job, "grade", "written"), "written");
    _cleanup_free_ char *has_set = mem_printf("job \"%s\" has a good set", name);
    _cleanup_free_ char *trigger = mem_printf("synbakctl trigger %s --wait", name);
    _cleanup_free_ char *is_read = mem_printf("its newest set was read back whole (%s)", name);
    _cleanup_free_ char *verify =
        mem_printf("synbakctl verify %s, and verify = weekly in the job", name);
    _cleanup_free_ char *due = mem_printf("job \"%s\" is scheduled", name);

    item(list, good, has_set, trigger);
    item(list, verified, is_read, verify);
    copies_item(list, job, name);
    item(list, json_opt_string(job, "next", NULL) != NULL && !json_opt_bool(job, "paused", false),
         due, "give it a tier, such as daily = at 02:00, keep 30; resume it if it is paused");
}

/* The key alone is lost with the machine. */
static void recovery_items(json_t *list, const json_t *status)
{
    const json_t *o;
    size_t i;

    json_array_foreach(json_object_get(status, "destinations"), i, o)
    {
        const char *name = json_opt_string(o, "name", "?");
        if (!json_opt_bool(o, "repository", false))
            continue;
        _cleanup_free_ char *what =
            mem_printf("a recovery key opens the repository of \"%s\"", name);
        _cleanup_free_ char *action = mem_printf(
            "synbakctl key add --recovery --destination %s, and keep the card elsewhere", name);
        item(list, !json_opt_bool(o, "key_alone", true), what, action);
    }
}

/* Did anybody ever restore? The journal knows. */
static bool was_restored(struct cli *c)
{
    _cleanup_json_ json_t *result = NULL;
    json_t *record;
    size_t i;

    if (cli_call(c, "log", json_pack("{s:i, s:i}", "after", 0, "count", 10000), &result,
                 &(struct err){0}) < 0)
        return false;
    json_array_foreach(json_object_get(result, "records"), i, record)
    {
        if (str_equal(json_opt_string(record, "type", ""), "restore-ended") &&
            str_equal(json_opt_string(record, "purpose", "restore"), "restore") &&
            json_opt_bool(record, "ok", false))
            return true;
    }
    return false;
}

static bool all_ping(const struct config *config)
{
    for (size_t i = 0; i < config->job_count; i++)
        if (config->jobs[i]->ping == NULL)
            return false;
    return true;
}

json_t *doctor_ready(struct cli *c, const json_t *findings)
{
    _cleanup_json_ json_t *status = NULL;
    json_t *list = json_array(), *job;
    struct err e = {0};
    size_t i;

    item(list, no_errors(findings), "no error was found above", "mend what stands above");
    bool answers = cli_call(c, "status", NULL, &status, &e) == 0;
    item(list, answers, "synbakd answers", "systemctl start synbakd");
    item(list, starts_at_boot(), "synbakd starts at boot", "systemctl enable synbakd");
    json_array_foreach(json_object_get(status, "jobs"), i, job) job_items(list, job);
    recovery_items(list, status);
    item(list, c->config != NULL && c->config->destination_count > 1,
         "the backups lie in two places",
         "add a second [destination NAME], away from this machine");
    item(list, c->config != NULL && c->config->job_count > 0 && all_ping(c->config),
         "somebody hears of it when a job fails or the machine is gone",
         "set ping = URL in each job");
    item(list, answers && was_restored(c), "a restore was tried",
         "synbakctl restore --target /some/new/folder, and look at what came");
    return list;
}
