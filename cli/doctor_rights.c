/* doctor_rights.c — what a worker finds when it looks at the sources and destinations: roles
 * without rights, missing pg_dump, trees that cannot be read. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/place.h"
#include "cli/worker_run.h"
#include "lib/base/io.h"
#include "lib/protocol/job.h"

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

/* part: "dump" or "restore", what is looked at of a database; NULL: both. */
static json_t *part_of(const struct source *s, const char *part)
{
    json_t *o = job_source(s, false);

    if (part != NULL)
        (void)json_object_set_new(o, "part", json_string(part));
    return o;
}

static void check_caller(json_t *findings)
{
    const struct passwd *daemon = getpwnam(DAEMON_USER);

    if (geteuid() != 0 && daemon != NULL && daemon->pw_uid != geteuid())
        finding(findings, WARNING, "sudo synbakctl doctor",
                "all this is as uid %u sees it, not as root or synbakd would", geteuid());
}

/* doctor_keys has said it of a secret that cannot be read; not of one that has the wrong form. */
static void add_unless_said(json_t *findings, const struct destination *d, const struct err *why)
{
    _cleanup_free_ char *named = mem_printf("destination \"%s\"", d->name);
    json_t *o;
    size_t i;

    json_array_foreach(findings, i, o)
    {
        if (str_equal(json_opt_string(o, "level", ""), "error") &&
            str_starts(json_opt_string(o, "what", ""), named))
            return;
    }
    finding(findings, ERROR, "correct it: until then nothing reaches this destination", "%s",
            why->text);
}

/* Dumps of databases as the daemon's user, whose role they know, and their restores as we are, who
 * would make them; trees as we are, because the daemon's worker for them has a capability that its
 * user alone lacks. */
void doctor_rights(struct cli *c, json_t *findings)
{
    const bool other = geteuid() == 0 && getpwnam(DAEMON_USER) != NULL;
    json_t *theirs = json_array(), *ours = json_array(), *stores = json_array();

    check_caller(findings);
    for (size_t i = 0; i < c->config->source_count; i++) {
        const struct source *s = c->config->sources[i];
        if (s->type == SOURCE_FILES && s->path != NULL && access(s->path, F_OK) != 0)
            continue; /* doctor_tools has said why */
        if (s->type == SOURCE_FILES || (other && s->type == SOURCE_POSTGRESQL))
            (void)json_array_append_new(ours, part_of(s, "restore"));
        if (s->type != SOURCE_FILES)
            (void)json_array_append_new(theirs, part_of(s, other ? "dump" : NULL));
    }
    for (size_t i = 0; i < c->config->destination_count; i++) {
        const struct destination *d = c->config->destinations[i];
        json_t *store = NULL;
        struct stat st;
        if (d->type == DESTINATION_DIRECTORY && io_stat(AT_FDCWD, d->path, &st, 0) != 0)
            continue; /* doctor_destinations has said why */
        struct err why = {0};
        if (place_store_of(c, d, &store, &why) < 0) {
            add_unless_said(findings, d, &why);
            continue;
        }
        (void)json_object_set_new(store, "deletes", json_boolean(d->deletes));
        (void)json_array_append_new(stores, store);
    }
    check(c, findings, other ? DAEMON_USER : NULL, stores, theirs);
    if (json_array_size(ours) > 0)
        check(c, findings, NULL, json_array(), ours);
    else
        json_decref(ours);
}
