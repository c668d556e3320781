/* copy.c — the verb that brings one set from one destination to another.
 *
 * The happy path: claim the target, see that it lacks the set, copy artifacts and commit, then what
 * was said of the set since (pins, accepts), then the link for people. Each step may be cut off and
 * done again. */
#include <string.h>
#include <unistd.h>

#include "daemon/worker/copy_repository.h"
#include "daemon/worker/set_describe.h"
#include "daemon/worker/worker.h"
#include "lib/base/mem.h"
#include "lib/plain/set_copy.h"
#include "lib/plain/set_latest.h"
#include "lib/plain/set_verify.h"

enum { THREADS_MAX = 4 };

struct copy {
    struct worker *worker;
    const char *job, *id;
    struct destination from, to;
    struct marker marker; /* of the target */
    char *step;           /* "copy to NAME" */
    uint64_t total;       /* stored bytes at the source */

    struct manifest manifest; /* first as at the source, then as at the target */
    const struct secret *from_key;
    const struct mac_key *from_mac, *to_mac; /* of the set, there and there */
    uint64_t sent;
    bool reencrypted;
};

static bool report(void *arg, uint64_t done)
{
    const struct copy *c = arg;

    worker_progress(c->worker, c->step, done, c->total);
    return !worker_cancelled(c->worker);
}

static int threads(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX : (int)online;
}

/* Of the set at the target in *ret and true, if it is committed there. */
static int read_target(struct copy *c, struct manifest *ret, bool *there, struct err *e)
{
    struct err why = {0};

    *there = keyring_read(c->to.ring, c->to.store, c->job, c->id, c->marker.id, ret, NULL,
                          &c->to_mac, &why) == 0;
    if (*there || why.code == ERR_NOT_FOUND)
        return 0;
    (void)err_set(e, why.code, "%s", why.text);
    return err_wrap(e, "%s has a set of this id that cannot be read", store_place(c->to.store));
}

/* Ids are times: two machines, or a machine set up anew, can come to the same one. */
static int check_same(const struct manifest *ours, const struct manifest *theirs,
                      const struct copy *c, struct err *e)
{
    if (ours->sequence == theirs->sequence && ours->started.us == theirs->started.us)
        return 0;
    return err_set(e, ERR_EXISTS, "%s holds another set under the id %s/%s",
                   store_place(c->to.store), c->job, c->id);
}

static int send_set(struct copy *c, struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s/%s", c->job, c->id);
    struct destination *to = &c->to;
    struct set_copy copy = {
        .from = c->from.store,
        .from_key = c->from_key,
        .to = destination_target(to, prefix),
        .marker = &c->marker,
        .key_hint = to->key_hint,
        .threads = threads(),
        .progress = report,
        .arg = c,
    };

    if (keyring_mac_key(to->ring, c->marker.salt, &c->to_mac, e) < 0)
        return -1;
    copy.mac = c->to_mac;
    int rc = set_copy(&copy, &c->manifest, e);
    c->sent = copy.sent;
    c->reencrypted = copy.reencrypted;
    return rc;
}

/* Where nobody says whose the target is, it belongs to the installation that owns the source, or is
 * refused. */
static int claim_target(struct copy *c, struct err *e)
{
    struct marker from;

    if (c->to.owner == NULL) {
        if (marker_read(c->from.store, &from, e) < 0)
            return -1;
        c->to.owner = mem_strdup(from.owner);
    }
    return destination_claim(&c->to, &c->marker, e);
}

static int bring_set(struct copy *c, struct err *e)
{
    struct manifest there;
    bool committed = false;

    if (claim_target(c, e) < 0 ||
        destination_read(&c->from, c->job, c->id, &c->manifest, &c->from_key, &c->from_mac, e) < 0)
        return -1;
    c->total = set_verify_size(&c->manifest);
    if (read_target(c, &there, &committed, e) < 0)
        return -1;
    if (!committed)
        return send_set(c, e);
    int rc = check_same(&c->manifest, &there, c, e);
    manifest_deinit(&c->manifest);
    c->manifest = there;
    return rc;
}

/* Damaged marks at the source must not keep the set from being safe elsewhere. */
static int bring_marks(struct copy *c, struct marks *ret, struct err *e)
{
    struct marks from = {0};
    struct err why = {0};

    if (marks_read(c->from.store, c->job, c->id, c->from_mac, &from, &why) < 0) {
        if (why.code != ERR_DAMAGED)
            return err_set(e, why.code, "%s", why.text);
        worker_log(c->worker, WORKER_WARNING, "pins of %s/%s are not copied: %s", c->job, c->id,
                   why.text);
    }
    int rc = marks_copy(&from, c->to.store, c->job, c->id, c->to_mac, e);
    marks_deinit(&from);
    return rc < 0 ? -1 : marks_read(c->to.store, c->job, c->id, c->to_mac, ret, e);
}

static int bring(struct copy *c, json_t **ret_result, struct err *e)
{
    struct marks marks = {0};
    struct err why = {0};

    worker_progress(c->worker, c->step, 0, 0);
    if (bring_set(c, e) < 0 || bring_marks(c, &marks, e) < 0)
        return -1;
    /* a convenience: the set is committed whatever becomes of it */
    if (set_latest_point(c->to.store, c->to.ring, &c->manifest, &why) < 0)
        worker_log(c->worker, WORKER_WARNING, "%s", why.text);
    *ret_result = json_pack("{s:s,s:o,s:I,s:I,s:b}", "marker_id", c->marker.id, "set",
                            set_describe(&c->manifest, &marks), "stored_bytes",
                            (json_int_t)set_verify_size(&c->manifest), "sent_bytes",
                            (json_int_t)c->sent, "reencrypted", c->reencrypted);
    marks_deinit(&marks);
    return 0;
}

/* Between two far stores, what is read ahead and what is being sent lie in memory at the same time:
 * each side gets less of it. */
static void share_memory(json_t *from, json_t *to)
{
    enum { READS = 1, SENDS = 2 };

    if (json_object_get(from, "parallel") == NULL || json_object_get(to, "parallel") == NULL)
        return; /* one of them is a folder */
    if (json_opt_i64(from, "parallel", 1) > READS)
        (void)json_object_set_new(from, "parallel", json_integer(READS));
    if (json_opt_i64(to, "parallel", 1) > SENDS)
        (void)json_object_set_new(to, "parallel", json_integer(SENDS));
}

static int open_both(const json_t *job, struct copy *c, struct err *e)
{
    json_t *from, *to;

    if (json_get_string(job, "job", &c->job, e) < 0 || json_get_string(job, "id", &c->id, e) < 0 ||
        json_get_object(job, "from", &from, e) < 0 || json_get_object(job, "to", &to, e) < 0)
        return -1;
    share_memory(from, to);
    if (destination_open_for(c->worker, from, &c->from, e) < 0 ||
        destination_open(c->worker, to, &c->to, e) < 0) /* its writes are put away first */
        return -1;
    c->step = mem_printf("copy to %s", c->to.name);
    return 0;
}

int verb_copy(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct copy c = {.worker = w};
    int rc = open_both(job, &c, e);

    if (rc == 0)
        rc = c.from.repository || c.to.repository
                 ? copy_repository(w, job, &c.from, &c.to, ret_result, e)
                 : bring(&c, ret_result, e);

    manifest_deinit(&c.manifest);
    destination_close(&c.from);
    destination_close(&c.to);
    free(c.step);
    return rc;
}
