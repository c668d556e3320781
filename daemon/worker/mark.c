/* mark.c — the verb that pins, unpins or accepts a set. */
#include <string.h>

#include "daemon/worker/repo.h"
#include "lib/plain/marks.h"

struct mark {
    const char *job, *id, *kind, *reason;
    struct wall until;
};

static int check_kind(const char *kind, struct err *e)
{
    return strcmp(kind, "pin") == 0 || strcmp(kind, "unpin") == 0 || strcmp(kind, "accept") == 0
               ? 0
               : err_set(e, ERR_FORMAT, "\"kind\" is none of pin, unpin, accept");
}

/* With the set's own key, so that whoever can read the set can read the mark. */
static int mark_plain(struct destination *d, const struct mark *mark, struct err *e)
{
    const struct mac_key *mac;
    struct manifest m;

    if (destination_read(d, mark->job, mark->id, &m, NULL, &mac, e) < 0)
        return -1;
    manifest_deinit(&m);
    return marks_add(d->store, mark->job, mark->id, mac, mark->kind, mark->reason, mark->until,
                     clock_wall(), e);
}

/* A record of the writer's log. */
static int mark_in_log(struct destination *d, const struct mark *mark, json_t **ret_heads,
                       struct err *e)
{
    struct repo r = {0};
    struct repository_set set;
    struct repo_author author;
    struct log_head head;
    char until[32];

    if (repo_author(d, &author, e) < 0 || repo_open(d, &r, e) < 0)
        return -1;
    int rc = repository_find_set(r.repository, mark->job, mark->id, &set, e);
    if (rc == 0) {
        json_t *members =
            json_pack("{s:s,s:s,s:s}", "job", mark->job, "id", mark->id, "reason", mark->reason);
        if (strcmp(mark->kind, "pin") == 0)
            (void)json_object_set_new(
                members, "until",
                mark->until.us != 0 ? json_string(clock_iso8601(mark->until, until)) : json_null());
        rc = log_append(r.repository->writer, &author.who, mark->kind, members, &head, e);
    }
    if (rc == 0)
        *ret_heads = repo_heads(&r);
    repo_close(&r);
    return rc;
}

static int mark_set(struct destination *d, const json_t *job, json_t **ret_heads, struct err *e)
{
    const char *until = json_opt_string(job, "until", NULL);
    struct mark mark = {0};
    struct marker marker;

    if (json_get_string(job, "job", &mark.job, e) < 0 ||
        json_get_string(job, "id", &mark.id, e) < 0 ||
        json_get_string(job, "kind", &mark.kind, e) < 0 ||
        json_get_string(job, "reason", &mark.reason, e) < 0 || check_kind(mark.kind, e) < 0)
        return -1;
    if (until != NULL && clock_parse_iso8601(until, &mark.until) < 0)
        return err_set(e, ERR_FORMAT, "\"until\" is not a time");
    if (destination_claim(d, &marker, e) < 0)
        return -1;
    return d->repository ? mark_in_log(d, &mark, ret_heads, e) : mark_plain(d, &mark, e);
}

int verb_mark(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    json_t *store, *heads = NULL;

    (void)w; /* it is over in a moment: nothing to report */
    int rc = json_get_object(job, "store", &store, e) < 0 || destination_open(store, &d, e) < 0
                 ? -1
                 : mark_set(&d, job, &heads, e);
    if (rc == 0)
        *ret_result = json_pack("{s:o*}", "heads", heads);
    destination_close(&d);
    return rc;
}
