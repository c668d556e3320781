/* reload.c — see reload.h.
 *
 * The happy path is: load and check on the pool, give it to the planner, journal it, list
 * destinations that are new, answer. Failure modes: anything wrong in any file: the old
 * configuration stays, and why stands in the log, in status and in the answer. state_dir and socket
 * cannot change while running. */
#include "daemon/reload.h"

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/record.h"
#include "daemon/scan.h"

struct reload {
    struct daemon *daemon;
    struct request *request;
    struct config *config;
    struct role_table roles;
    struct strlist unknown;
    struct err error;
};

static int load_all(struct reload *r)
{
    if (config_load(r->daemon->config_file, &r->config, NULL, &r->error) < 0)
        return -1;
    if (schedule_check_config(r->config, NULL, &r->error) == 0 &&
        role_table_create(&r->config->access, &r->roles, &r->unknown, &r->error) == 0)
        return 0;
    config_unref(r->config);
    return -1;
}

static void load(void *arg)
{
    struct reload *r = arg;

    if (load_all(r) < 0)
        r->config = NULL;
}

static int check_unchangeable(const struct daemon *d, const struct config *c, struct err *e)
{
    if (!str_equal(d->config->state_dir, c->state_dir))
        return err_set(e, ERR_CONFIG, "state_dir cannot change while synbakd runs: restart it");
    if (!str_equal(d->config->socket_path, c->socket_path))
        return err_set(e, ERR_CONFIG, "socket cannot change while synbakd runs: restart it");
    return 0;
}

static int adopt(struct reload *r)
{
    struct daemon *d = r->daemon;

    if (check_unchangeable(d, r->config, &r->error) < 0) {
        config_unref(r->config);
        return -1;
    }
    if (daemon_set_config(d, r->config, &r->error) < 0) /* takes it in any case */
        return -1;
    control_set_roles(d->control, r->roles, &r->unknown);
    r->roles = (struct role_table){0};
    log_set_format(d->log, d->config->log_format);
    for (size_t i = 0; i < d->config->destination_count; i++)
        if (!catalog_destination(d->catalog, d->config->destinations[i]->name)->listed)
            scan_start(d, d->config->destinations[i]->name, NULL, NULL);
    return 0;
}

static void say(struct reload *r, bool ok)
{
    struct daemon *d = r->daemon;
    json_t *files = json_from_strings(&d->config->files);
    json_int_t uid = r->request != NULL ? (json_int_t)request_uid(r->request) : 0;

    d->reload_problem = ok ? (struct err){0} : r->error;
    if (ok) {
        log_write(d->log, LOG_LEVEL_INFO, LOG_RELOADED, NULL, "the configuration was reloaded");
        daemon_post(d,
                    json_pack("{s:s,s:O,s:I}", "type", RECORD_RELOADED, "files", files, "uid", uid),
                    NULL, NULL);
    } else {
        log_write(d->log, LOG_LEVEL_ERROR, LOG_RELOAD_REFUSED, NULL,
                  "the new configuration is wrong, the old one stays: %s", r->error.text);
        daemon_post(d,
                    json_pack("{s:s,s:o,s:I}", "type", RECORD_RELOAD_REFUSED, "error",
                              json_printable(r->error.text), "uid", uid),
                    NULL, NULL);
    }
    notify_ready(ok ? "idle" : "the last reload was refused");
    if (r->request != NULL && ok)
        request_reply(r->request, json_pack("{s:O}", "files", files));
    else if (r->request != NULL)
        request_fail(r->request, &r->error);
    json_decref(files);
}

static void on_loaded(void *arg)
{
    struct reload *r = arg;
    struct daemon *d = r->daemon;

    d->reloading = false;
    say(r, r->config != NULL && adopt(r) == 0);
    role_table_deinit(&r->roles);
    strlist_deinit(&r->unknown);
    free(r);
    daemon_tick(d);
    daemon_maybe_stopped(d);
}

void reload_start(struct daemon *d, struct request *request)
{
    struct err busy = {0};

    if (d->reloading || d->stopping) {
        (void)err_set(&busy, ERR_UNAVAILABLE,
                      d->stopping ? "synbakd stops" : "a reload is going on already");
        if (request != NULL)
            request_fail(request, &busy);
        return;
    }
    struct reload *r = mem_alloc(sizeof(*r));
    r->daemon = d;
    r->request = request;
    d->reloading = true;
    notify_reloading();
    loop_run_task(&d->loop, load, on_loaded, r);
}
