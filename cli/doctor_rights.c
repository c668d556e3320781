/* doctor_rights.c — what a worker finds when it looks at the sources and destinations: roles
 * without rights, missing pg_dump, trees that cannot be read. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/place.h"
#include "cli/worker_run.h"
#include "lib/protocol/job.h"

#define DAEMON_USER "synbak"

static void take_findings(json_t *findings, const json_t *result)
{
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(result, "findings"), i, o)(void)
        json_array_append(findings, o);
}

static void check(struct cli *c, json_t *findings, const char *user, json_t *stores,
                  json_t *sources)
{
    _cleanup_json_ json_t *result = NULL;
    struct err e = {0};
    const struct worker_run run = {
        .screen = &c->screen,
        .quiet = true,
        .user = user,
        .job = json_pack("{s:s, s:o, s:o}", "verb", "check", "stores", stores, "sources", sources)};

    if (worker_run(&run, &result, &e) < 0)
        finding(findings, ERROR, "", "the check of sources and destinations failed: %s", e.text);
    else
        take_findings(findings, result);
}

/* Databases as the daemon's user, whose role they know; trees as we are, because the daemon's
 * worker for them has a capability that its user alone lacks. */
void doctor_rights(struct cli *c, json_t *findings)
{
    const bool other = geteuid() == 0 && getpwnam(DAEMON_USER) != NULL;
    json_t *databases = json_array(), *trees = json_array(), *stores = json_array();

    for (size_t i = 0; i < c->config->source_count; i++) {
        const struct source *s = c->config->sources[i];
        (void)json_array_append_new(s->type == SOURCE_FILES ? trees : databases,
                                    job_source(s, false));
    }
    for (size_t i = 0; i < c->config->destination_count; i++) {
        json_t *store = NULL;
        if (place_store_of(c->config->destinations[i], &store, NULL) == 0)
            (void)json_array_append_new(stores, store); /* else doctor_keys has said why */
    }
    check(c, findings, other ? DAEMON_USER : NULL, stores, databases);
    if (json_array_size(trees) > 0)
        check(c, findings, NULL, json_array(), trees);
    else
        json_decref(trees);
}
