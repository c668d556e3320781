/* adopt.c — the verb that makes this installation the owner of a destination. */
#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"

int verb_adopt(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct destination d = {0};
    struct marker marker;
    json_t *store;

    (void)w; /* it is over in a moment: nothing to report */
    if (json_get_object(job, "store", &store, e) < 0 || destination_open(store, &d, e) < 0)
        return -1;
    int rc = d.owner != NULL ? marker_adopt(d.store, d.owner, &marker, e)
                             : err_set(e, ERR_FORMAT, "\"owner\" is missing");
    if (rc == 0)
        *ret_result = json_pack("{s:s}", "marker_id", marker.id);
    destination_close(&d);
    return rc;
}
