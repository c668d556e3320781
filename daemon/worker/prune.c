/* prune.c — the verb that deletes the sets which retention, in the daemon, has chosen. */
#include "daemon/worker/prune_repository.h"
#include "lib/base/clock.h"
#include "lib/plain/marks.h"

/* Deletion goes on where it was cut off, and what is damaged or of another key goes as chosen, unless
 * a mark lies there: it may be a pin, and nobody can tell. A place that does not let us look has
 * said nothing of the set. */
static int judge_unread(struct destination *d, const char *job, const char *id,
                        const struct err *why, struct err *e)
{
    bool marked;

    if (why->code == ERR_NOT_FOUND)
        return 0;
    if (why->code != ERR_DAMAGED && why->code != ERR_KEY && why->code != ERR_FORMAT)
        return err_set(e, why->code, "%s", why->text);
    if (marks_exist(d->store, job, id, &marked, e) < 0)
        return -1;
    if (!marked)
        return 0;
    return err_set(e, ERR_REFUSED,
                   "it may be pinned, which cannot be read (if it may go, delete %s/%s.marks/ by "
                   "hand): %s",
                   job, id, why->text);
}

/* Retention chose by what was listed some time ago: a pin that came since counts. */
static int check_not_pinned(struct destination *d, const char *job, const char *id, struct err *e)
{
    const struct mac_key *mac;
    struct manifest m;
    struct marks marks;
    struct err why = {0};

    if (destination_read(d, job, id, &m, NULL, &mac, &why) < 0)
        return judge_unread(d, job, id, &why, e);
    manifest_deinit(&m);
    if (marks_read(d->store, job, id, mac, &marks, e) < 0)
        return -1;
    bool pinned = marks.pinned && (marks.pin_until.us == 0 || marks.pin_until.us > clock_wall().us);
    marks_deinit(&marks);
    return pinned ? err_set(e, ERR_REFUSED, "it is pinned") : 0;
}

static void remove_set(struct destination *d, const char *job, const char *id, json_t *removed,
                       json_t *failed)
{
    struct err why = {0};

    if (check_not_pinned(d, job, id, &why) == 0 &&
        manifest_delete_set(d->store, job, id, &why) == 0)
        (void)json_array_append_new(removed, json_string(id));
    else
        (void)json_array_append_new(
            failed, json_pack("{s:s,s:o}", "id", id, "error", json_printable(why.text)));
}

static int prune_all(struct worker *w, struct destination *d, const char *name,
                     const struct strlist *ids, json_t *removed, json_t *failed, struct err *e)
{
    struct marker marker;

    /* Without an owner it is an operator who deletes for the installation that may not: the place
     * stays that one's, but must be a destination at all. */
    if ((d->owner != NULL ? destination_claim(d, &marker, e) : marker_read(d->store, &marker, e)) <
        0)
        return -1;
    for (size_t i = 0; i < ids->count; i++) {
        if (worker_cancelled(w))
            return err_set(e, ERR_CANCELLED, "cancelled");
        worker_progress(w, "prune", i, ids->count);
        remove_set(d, name, ids->items[i], removed, failed);
    }
    return 0;
}

static int prune_plain(struct worker *w, struct destination *d, const json_t *job,
                       json_t **ret_result, struct err *e)
{
    struct strlist ids = {0};
    json_t *removed = json_array(), *failed = json_array();
    const char *name;
    int rc = json_get_string(job, "job", &name, e) < 0 || json_get_strings(job, "ids", &ids, e) < 0
                 ? -1
                 : prune_all(w, d, name, &ids, removed, failed, e);

    if (rc == 0)
        *ret_result = json_pack("{s:O,s:O}", "removed", removed, "failed", failed);
    json_decref(removed);
    json_decref(failed);
    strlist_deinit(&ids);
    return rc;
}

int verb_prune(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    json_t *store;

    if (json_object_get(job, "stores") != NULL) /* replicas */
        return prune_repository(w, job, ret_result, e);
    if (json_get_object(job, "store", &store, e) < 0 || destination_open(w, store, &d, e) < 0)
        return -1;
    bool repository = d.repository;
    int rc = repository ? 0 : prune_plain(w, &d, job, ret_result, e);
    destination_close(&d);
    return repository ? prune_repository(w, job, ret_result, e) : rc;
}
