/* mark.c — the verb that pins, unpins or accepts a set. */
#include <string.h>

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"
#include "lib/plain/marks.h"

static int check_kind(const char *kind, struct err *e)
{
    return strcmp(kind, "pin") == 0 || strcmp(kind, "unpin") == 0 || strcmp(kind, "accept") == 0
               ? 0
               : err_set(e, ERR_FORMAT, "\"kind\" is none of pin, unpin, accept");
}

/* With the set's own key, so that whoever can read the set can read the mark. */
static int mark_set(struct destination *d, const json_t *job, struct err *e)
{
    const char *name, *id, *kind, *reason, *until = json_opt_string(job, "until", NULL);
    const struct mac_key *mac;
    struct manifest m;
    struct marker marker;
    struct wall end = {0};

    if (json_get_string(job, "job", &name, e) < 0 || json_get_string(job, "id", &id, e) < 0 ||
        json_get_string(job, "kind", &kind, e) < 0 ||
        json_get_string(job, "reason", &reason, e) < 0 || check_kind(kind, e) < 0)
        return -1;
    if (until != NULL && clock_parse_iso8601(until, &end) < 0)
        return err_set(e, ERR_FORMAT, "\"until\" is not a time");
    if (destination_claim(d, &marker, e) < 0 ||
        destination_read(d, name, id, &m, NULL, &mac, e) < 0)
        return -1;
    manifest_deinit(&m);
    return marks_add(d->store, name, id, mac, kind, reason, end, clock_wall(), e);
}

int verb_mark(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    json_t *store;

    (void)w; /* it is over in a moment: nothing to report */
    int rc = json_get_object(job, "store", &store, e) < 0 || destination_open(store, &d, e) < 0
                 ? -1
                 : mark_set(&d, job, e);
    if (rc == 0)
        *ret_result = json_object();
    destination_close(&d);
    return rc;
}
