/* adopt.c — the verb that makes this installation the owner of a destination, and of a repository there,
 * as it is now: both roles are taken, and what was remembered of it is forgotten.
 *
 * A marker that is lost is made again as it was: each manifest repeats the destination's id and
 * salt. Under a new id all sets that lie there would seem to belong elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/worker/repo.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/plain/set_list.h"

/* 1: a set was found that opens with our keys. The newest first: it was made here. */
static int recall_of_job(struct destination *d, const char *job, struct marker *ret, struct err *e)
{
    _cleanup_free_ struct set_entry *entries = NULL;
    struct manifest m;
    size_t count;

    if (set_list(d->store, job, &entries, &count, e) < 0)
        return -1;
    while (count-- > 0) {
        struct err why = {0}; /* a damaged set, or one of another key, says nothing */
        if (!entries[count].folder ||
            keyring_read(d->ring, d->store, job, entries[count].id, NULL, &m, NULL, NULL, &why) < 0)
            continue;
        memcpy(ret->id, m.destination_id, sizeof(ret->id));
        memcpy(ret->salt, m.salt, sizeof(ret->salt));
        manifest_deinit(&m);
        return 1;
    }
    return 0;
}

static int recall(struct destination *d, struct marker *ret, struct err *e)
{
    struct strlist jobs = {0};
    int rc = set_list_jobs(d->store, &jobs, e);

    for (size_t i = 0; rc == 0 && i < jobs.count; i++)
        rc = recall_of_job(d, jobs.items[i], ret, e);
    strlist_deinit(&jobs);
    return rc;
}

static int adopt(struct destination *d, struct marker *ret, struct err *e)
{
    struct marker lost = {0};
    struct err why = {0};
    int found = 0;

    if (d->owner == NULL)
        return err_set(e, ERR_FORMAT, "\"owner\" is missing");
    if (marker_read(d->store, ret, &why) < 0 && why.code == ERR_NOT_FOUND)
        found = recall(d, &lost, e);
    return found < 0 ? -1 : marker_adopt(d->store, d->owner, found == 1 ? &lost : NULL, ret, e);
}

/* What was read of the logs before may not be what lies there now. */
static int forget_cache(const struct destination *d, const char *id, struct err *e)
{
    struct err why = {0};
    _cleanup_(fs_closep) int dir = -1;

    if (d->cache_dir == NULL)
        return 0;
    if (fs_open_dir(d->cache_dir, &dir, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    return fs_remove_tree(dir, id, e);
}

/* A role that we hold needs no record, which the other replicas would lack. */
static int take(struct log *log, const struct log_author *who, struct err *e)
{
    return str_equal(log_holder(log, NULL, NULL), who->installation) ? 0 : log_take(log, who, e);
}

/* 1: there is none yet. */
static int adopt_repository(struct destination *d, json_t **ret_heads, struct err *e)
{
    struct repo r = {0};
    struct repo_author author;
    char id[REPOSITORY_ID_LEN * 2 + 1];
    int rc = repository_probe(d->store, id, e);

    d->writer_known = d->pruner_known = false;
    if (rc != 0)
        return rc;
    if (repo_author(d, &author, e) < 0 || forget_cache(d, id, e) < 0 || repo_open(d, &r, e) < 0)
        return -1;
    rc = take(r.repository->writer, &author.who, e);
    if (rc == 0 && !r.repository->keys->write_only)
        rc = take(r.repository->pruner, &author.who, e);
    if (rc == 0)
        *ret_heads = repo_heads(&r);
    repo_close(&r);
    return rc;
}

int verb_adopt(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    struct marker marker;
    json_t *store, *heads = NULL;

    (void)w; /* it is over in a moment: nothing to report */
    if (json_get_object(job, "store", &store, e) < 0 || destination_open(w, store, &d, e) < 0)
        return -1;
    int rc = adopt(&d, &marker, e);
    if (rc == 0 && d.repository && adopt_repository(&d, &heads, e) < 0)
        rc = -1;
    if (rc == 0)
        *ret_result = json_pack("{s:s,s:o*}", "marker_id", marker.id, "heads", heads);
    destination_close(&d);
    return rc;
}
