/* methods_copy.c — copy: a set to one more destination, as an operator asks for it. */
#include <string.h>

#include "daemon/copies.h"
#include "daemon/methods.h"
#include "daemon/record.h"

struct ask { /* until its record is durable */
    struct request *request;
    char *job, *id, *from, *to;
};

static void ask_free(struct ask *a)
{
    free(a->job);
    free(a->id);
    free(a->from);
    free(a->to);
    free(a);
}

static void on_durable(void *arg)
{
    struct ask *a = arg;
    struct daemon *d = request_daemon(a->request);
    const struct job *job = config_job(d->config, a->job);
    struct err e = {0};

    if (job != NULL && !d->stopping) {
        copies_ask(d->copies, a->request, job, a->id, a->from, a->to,
                   json_opt_bool(request_params(a->request), "wait", false));
    } else {
        (void)err_set(&e, ERR_UNAVAILABLE,
                      d->stopping ? "synbakd is stopping" : "the job is not configured any more");
        request_fail(a->request, &e);
    }
    ask_free(a);
}

static void reply_there(struct request *r, const struct job *job, const struct set *s,
                        const char *to)
{
    request_reply(r, json_pack("{s:s,s:s,s:s,s:n,s:s}", "job", job->name, "id", s->id,
                               "destination", to, "from", "state", "there"));
}

/* 0, or -1 after the request was failed. */
static int check_places(struct request *r, const char *from, const char *to)
{
    const struct config *config = request_daemon(r)->config;
    struct err e = {0};

    if (to == NULL)
        (void)err_set(&e, ERR_USAGE, "copy where to? (--destination)");
    else if (from != NULL && strcmp(from, to) == 0)
        (void)err_set(&e, ERR_USAGE, "\"%s\" is both source and target of the copy", to);
    else if (config_destination(config, to) != NULL &&
             (from == NULL || config_destination(config, from) != NULL))
        return 0;
    if (e.code != ERR_NONE)
        request_fail(r, &e);
    else
        method_fail_destination(r, config_destination(config, to) == NULL ? to : from);
    return -1;
}

void method_copy(struct request *r)
{
    const json_t *params = request_params(r);
    const char *to = json_opt_string(params, "destination", NULL);
    const char *from = json_opt_string(params, "from", NULL);
    struct daemon *d = request_daemon(r);
    const struct job *job;

    if (check_places(r, from, to) < 0)
        return;
    const struct set *s = method_set_at(r, from, &job);
    if (s == NULL)
        return;
    if (catalog_find(catalog_job(d->catalog, job->name), to, s->id) != NULL) {
        reply_there(r, job, s, to);
        return;
    }
    struct ask *a = mem_alloc(sizeof(*a));
    *a = (struct ask){.request = r,
                      .job = mem_strdup(job->name),
                      .id = mem_strdup(s->id),
                      .from = mem_strdup(from),
                      .to = mem_strdup(to)};
    daemon_post(d,
                method_record(r, json_pack("{s:s,s:s,s:s,s:s}", "type", RECORD_COPY_ASKED, "job",
                                           job->name, "id", s->id, "destination", to)),
                on_durable, a);
}
