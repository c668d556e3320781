/* copy_repository.c — a set out of a repository, to a replica of it, or into one from elsewhere.
 *
 * Replica to replica, objects go byte for byte, and with them whatever else the target lacks
 * (lib/repository/mirror.h). Between formats, and between repositories, the artifacts are written anew, with what was
 * said of the set since. */
#include "daemon/worker/copy_repository.h"

#include <string.h>

#include "daemon/worker/scan_repository.h"
#include "daemon/worker/set_describe.h"
#include "daemon/worker/set_to_plain.h"
#include "daemon/worker/set_to_repository.h"
#include "lib/base/mem.h"
#include "lib/plain/set_latest.h"
#include "lib/plain/set_verify.h"
#include "lib/repository/mirror.h"

struct copying {
    struct worker *worker;
    const char *job, *id;
    const struct destination *from;
    struct destination *to;
    struct marker marker; /* of the target */
    char *step;           /* "copy to NAME" */
    uint64_t total;
};

/* Where nobody says whose the target is, it belongs to the installation that owns the source, or is
 * refused. */
static int claim_target(struct copying *c, struct err *e)
{
    struct marker from;

    if (c->to->owner == NULL) {
        if (marker_read(c->from->store, &from, e) < 0)
            return -1;
        c->to->owner = mem_strdup(from.owner);
    }
    return destination_claim(c->to, &c->marker, e);
}

/* --- to a replica --- */

static int on_mirrored(void *arg, uint64_t bytes, uint64_t total, struct err *e)
{
    const struct copying *c = arg;

    worker_progress(c->worker, c->step, bytes, total);
    return worker_cancelled(c->worker) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

static int mirror(struct copying *c, struct repo *r, json_t **ret_result, struct err *e)
{
    const struct mirror_spec spec = {
        .from = r->repository, .to = c->to->store, .arg = c, .progress = on_mirrored};
    struct mirror_result result = {0};
    struct repository_set set;

    if (repository_find_set(r->repository, c->job, c->id, &set, e) < 0)
        return -1;
    int rc = mirror_bring(&spec, &result, e);
    if (rc == 1)
        return err_set(e, ERR_EXISTS, "%s has sets that %s lacks: the copy has to go the other way",
                       store_place(c->to->store), store_place(c->from->store));
    if (rc == 0)
        *ret_result = json_pack("{s:s,s:o,s:I,s:I,s:b,s:o}", "marker_id", c->marker.id, "set",
                                scan_repository_set(&set), "stored_bytes", (json_int_t)result.bytes,
                                "sent_bytes", (json_int_t)result.bytes, "reencrypted", false,
                                "heads", repo_heads(r));
    return rc;
}

/* Does the target hold, or is it to hold, the repository that the source is? */
static int is_replica(struct copying *c, const struct repo *r, bool *ret, struct err *e)
{
    char id[REPOSITORY_ID_LEN * 2 + 1] = "";
    int rc = repository_probe(c->to->store, id, e);

    *ret = rc == 1 ? str_equal(c->from->repository_name, c->to->repository_name)
                   : str_equal(id, r->repository->id);
    return rc < 0 ? -1 : 0;
}

/* --- from another format, or another repository --- */

static bool report(void *arg, uint64_t done)
{
    const struct copying *c = arg;

    worker_progress(c->worker, c->step, done, c->total);
    return !worker_cancelled(c->worker);
}

static int marks_at_source(struct set_reader *from, struct marks *ret, struct err *e)
{
    struct repository_set set;
    struct manifest m;
    const struct mac_key *mac;

    *ret = (struct marks){0};
    if (!from->from.repository) {
        if (destination_read(&from->from, from->job, from->id, &m, NULL, &mac, e) < 0)
            return -1;
        manifest_deinit(&m);
        return marks_read(from->from.store, from->job, from->id, mac, ret, e);
    }
    if (repository_find_set(from->repo.repository, from->job, from->id, &set, e) < 0)
        return -1;
    *ret = (struct marks){.pinned = set.pinned,
                          .accepted = set.accepted,
                          .pin_reason = mem_strdup(set.pin_reason),
                          .pin_until = set.pin_until};
    return 0;
}

static int add_set(struct copying *c, struct set_reader *from, json_t **ret_result, struct err *e)
{
    struct marks marks;
    struct repository_set set;
    struct set_to_repository job = {
        .from = from, .to = c->to, .marks = &marks, .progress = report, .arg = c};

    if (marks_at_source(from, &marks, e) < 0)
        return -1;
    c->total = set_to_plain_size(from);
    int rc = set_to_repository(c->worker, &job, e);
    if (rc == 0)
        rc = repository_find_set(job.repo.repository, c->job, c->id, &set, e);
    if (rc == 0)
        *ret_result =
            json_pack("{s:s,s:o,s:I,s:I,s:b,s:o}", "marker_id", c->marker.id, "set",
                      scan_repository_set(&set), "stored_bytes", (json_int_t)job.sent, "sent_bytes",
                      (json_int_t)job.sent, "reencrypted", true, "heads", repo_heads(&job.repo));
    repo_close(&job.repo);
    marks_deinit(&marks);
    return rc;
}

static json_t *source_job(const struct copying *c, const json_t *job)
{
    return json_pack("{s:O,s:s,s:s}", "store", json_object_get(job, "from"), "job", c->job, "id",
                     c->id);
}

static int copy_anew(struct copying *c, const json_t *job, json_t **ret_result, struct err *e)
{
    _cleanup_json_ json_t *source = source_job(c, job);
    struct set_reader from;

    if (set_reader_open(c->worker, source, &from, e) < 0)
        return -1;
    int rc = add_set(c, &from, ret_result, e);
    set_reader_close(&from);
    return rc;
}

static int copy_to_repository(struct copying *c, const json_t *job, json_t **ret_result,
                              struct err *e)
{
    struct repo r = {0};
    bool replica = false;

    if (!c->from->repository)
        return copy_anew(c, job, ret_result, e);
    int rc = repo_open(c->from, &r, e) < 0 ? -1 : is_replica(c, &r, &replica, e);
    if (rc == 0 && replica)
        rc = mirror(c, &r, ret_result, e);
    repo_close(&r);
    return rc == 0 && !replica ? copy_anew(c, job, ret_result, e) : rc;
}

/* --- to a plain destination --- */

/* What was said of the set, at its new place too. */
static int bring_marks(struct copying *c, const struct repository_set *set,
                       const struct mac_key *mac, struct marks *ret, struct err *e)
{
    const struct wall never = {0}, now = clock_wall();

    if ((set->pinned &&
         marks_add(c->to->store, c->job, c->id, mac, "pin",
                   set->pin_reason != NULL ? set->pin_reason : "", set->pin_until, now, e) < 0) ||
        (set->accepted && marks_add(c->to->store, c->job, c->id, mac, "accept",
                                    "as at the place it came from", never, now, e) < 0))
        return -1;
    return marks_read(c->to->store, c->job, c->id, mac, ret, e);
}

static json_t *plain_result(const struct copying *c, const struct manifest *m,
                            const struct marks *marks, uint64_t sent)
{
    return json_pack("{s:s,s:o,s:I,s:I,s:b}", "marker_id", c->marker.id, "set",
                     set_describe(m, marks), "stored_bytes", (json_int_t)set_verify_size(m),
                     "sent_bytes", (json_int_t)sent, "reencrypted", true);
}

/* 0: it is committed there already, as *ret. 1: it is not. */
static int read_target(struct copying *c, const struct manifest *ours, struct manifest *ret,
                       struct err *e)
{
    struct err why = {0};

    if (keyring_read(c->to->ring, c->to->store, c->job, c->id, c->marker.id, ret, NULL, NULL,
                     &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 1;
        *e = why;
        return err_wrap(e, "%s has a set of this id that cannot be read",
                        store_place(c->to->store));
    }
    if (ours->sequence == ret->sequence && ours->started.us == ret->started.us)
        return 0;
    manifest_deinit(ret);
    return err_set(e, ERR_EXISTS, "%s holds another set under the id %s/%s",
                   store_place(c->to->store), c->job, c->id);
}

static int write_plain(struct copying *c, struct set_reader *from, json_t **ret_result,
                       struct err *e)
{
    struct destination *to = c->to;
    struct repository_set set;
    struct manifest m = {0};
    struct marks marks = {0};
    const struct mac_key *mac;
    struct set_to_plain plain = {
        .from = from,
        .to = destination_target(to, from->prefix),
        .marker = &c->marker,
        .key_hint = to->key_hint,
        .progress = report,
        .arg = c,
    };

    if (repository_find_set(from->repo.repository, c->job, c->id, &set, e) < 0 ||
        keyring_mac_key(to->ring, c->marker.salt, &mac, e) < 0)
        return -1;
    plain.mac = mac;
    c->total = set_to_plain_size(from);
    int rc = read_target(c, &from->manifest, &m, e);
    if (rc == 1)
        rc = set_to_plain(&plain, &m, e);
    if (rc < 0)
        return -1;
    rc = bring_marks(c, &set, mac, &marks, e);
    if (rc == 0) {
        struct err why = {0};
        if (set_latest_point(to->store, to->ring, &m, &why) < 0)
            worker_log(c->worker, WORKER_WARNING, "%s", why.text);
        *ret_result = plain_result(c, &m, &marks, plain.sent);
    }
    marks_deinit(&marks);
    manifest_deinit(&m);
    return rc;
}

static int copy_to_plain(struct copying *c, const json_t *job, json_t **ret_result, struct err *e)
{
    _cleanup_json_ json_t *source = source_job(c, job);
    struct set_reader from;

    if (set_reader_open(c->worker, source, &from, e) < 0)
        return -1;
    int rc = write_plain(c, &from, ret_result, e);
    set_reader_close(&from);
    return rc;
}

int copy_repository(struct worker *w, const json_t *job, const struct destination *from,
                    struct destination *to, json_t **ret_result, struct err *e)
{
    struct copying c = {.worker = w,
                        .job = json_opt_string(job, "job", ""),
                        .id = json_opt_string(job, "id", ""),
                        .from = from,
                        .to = to};

    if (claim_target(&c, e) < 0)
        return -1;
    c.step = mem_printf("copy to %s", to->name);
    int rc = to->repository ? copy_to_repository(&c, job, ret_result, e)
                            : copy_to_plain(&c, job, ret_result, e);
    free(c.step);
    return rc;
}
