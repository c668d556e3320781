/* prune.c — the verb that deletes the sets which retention, in the daemon, has chosen. */
#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"

static void remove_set(struct store *s, const char *job, const char *id, json_t *removed,
                       json_t *failed)
{
    struct err why = {0};

    if (manifest_delete_set(s, job, id, &why) == 0)
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
        remove_set(d->store, name, ids->items[i], removed, failed);
    }
    return 0;
}

int verb_prune(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    struct strlist ids = {0};
    json_t *store, *removed = json_array(), *failed = json_array();
    const char *name;
    int rc = json_get_object(job, "store", &store, e) < 0 ||
                     json_get_string(job, "job", &name, e) < 0 ||
                     json_get_strings(job, "ids", &ids, e) < 0 || destination_open(store, &d, e) < 0
                 ? -1
                 : prune_all(w, &d, name, &ids, removed, failed, e);

    if (rc == 0)
        *ret_result = json_pack("{s:O,s:O}", "removed", removed, "failed", failed);
    json_decref(removed);
    json_decref(failed);
    strlist_deinit(&ids);
    destination_close(&d);
    return rc;
}
