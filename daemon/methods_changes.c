/* methods_changes.c — changes: what runs found changed in the trees of a job, as their tracking tells. A
 * worker reads it; names of files are for whoever may restore them. */
#include "daemon/methods.h"

enum { TIMEOUT_S = 300 };

/* Each source that is tracked, by the first repository that it goes to: all tell the same. */
static json_t *tracks_of(struct daemon *d, const struct job *job)
{
    const struct repositories *known = history_repositories(d->history);
    json_t *tracks = json_array();

    for (size_t i = 0; i < job->source_count; i++) {
        int64_t number = 0;
        for (size_t k = 0; k < job->destination_count && number == 0; k++) {
            const char *repository = job->destinations[k]->repository;
            const char *source = job->sources[i]->name;
            if (repository == NULL || job->sources[i]->type != SOURCE_FILES)
                continue;
            number = repositories_tracked(known, job->name, repository, source);
            _cleanup_free_ char *dir = mem_printf("%s/tracking/%s/%s/%s", d->config->state_dir,
                                                  repository, job->name, source);
            if (number > 0)
                (void)json_array_append_new(tracks, json_pack("{s:s,s:o,s:I}", "source", source,
                                                              "dir", json_printable(dir), "number",
                                                              (json_int_t)number));
        }
    }
    return tracks;
}

static void on_read(void *arg, const json_t *result, const struct err *e)
{
    struct request *r = arg;

    if (result == NULL)
        request_fail(r, e);
    else
        request_reply(r, json_incref((json_t *)result));
}

static void method_changes(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const struct job *job = method_job(r);
    const char *since = json_opt_string(request_params(r), "since", NULL);
    struct err e = {0};
    struct wall unused;

    if (job == NULL)
        return;
    json_t *tracks = tracks_of(d, job);
    if (since != NULL && clock_parse_set_id(since, &unused) < 0)
        (void)err_set(&e, ERR_USAGE, "\"%s\" is not the id of a set", since);
    else if (json_array_size(tracks) == 0)
        (void)err_set(&e, ERR_NOT_FOUND,
                      "job \"%s\" has no file tree that a repository holds: nothing is tracked",
                      job->name);
    if (e.code != ERR_NONE) {
        json_decref(tracks);
        request_fail(r, &e);
        return;
    }
    (void)operation_start(
        d, (struct operation_spec){.config = d->config,
                                   .job = json_pack("{s:s,s:o,s:s?}", "verb", "changes", "tracks",
                                                    tracks, "since", since),
                                   .worker = {.run_timeout_s = TIMEOUT_S},
                                   .callbacks = {.done = on_read, .arg = r}});
}

const struct method methods_changes[] = {{"changes", ROLE_RESTORE, method_changes, false}, {0}};
