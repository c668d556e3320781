#include "daemon/worker/scan_repository.h"

#include <string.h>

#include "lib/base/mem.h"

json_t *scan_repository_set(const struct repository_set *set)
{
    json_t *o = json_deep_copy(set->describe);
    char until[32];

    (void)json_object_update_new(
        o, json_pack("{s:s,s:I,s:b,s:o,s:s,s:b,s:s,s:b}", "id", set->id, "sequence",
                     (json_int_t)set->sequence, "pinned", set->pinned, "pin_until",
                     set->pin_until.us != 0 ? json_string(clock_iso8601(set->pin_until, until))
                                            : json_null(),
                     "pin_reason", set->pin_reason != NULL ? set->pin_reason : "", "accepted",
                     set->accepted, "key_id", "", "shares", true));
    return o;
}

static bool is_wanted(const struct strlist *list, const char *name)
{
    return list->count == 0 || strlist_contains(list, name);
}

static void add_set(struct scan_repository *scan, const struct repository_set *set)
{
    json_t *list = json_object_get(scan->sets, set->job);

    if (!is_wanted(scan->jobs, set->job) || !is_wanted(scan->ids, set->id))
        return;
    if (list == NULL) {
        list = json_array();
        (void)json_object_set_new(scan->sets, set->job, list);
    }
    (void)json_array_append_new(list, scan_repository_set(set));
}

static int list_sets(const struct repo *r, struct scan_repository *scan, struct err *e)
{
    _cleanup_free_ struct repository_set *sets = NULL;
    size_t count;

    if (repository_sets(r->repository, &sets, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        add_set(scan, &sets[i]);
    return 0;
}

int scan_repository(const struct destination *d, struct scan_repository *scan, struct err *e)
{
    struct repo r = {0};
    struct err why;
    int rc;

    if (repo_open(d, &r, &why) < 0) {
        if (why.code == ERR_NOT_FOUND) /* its first run makes it */
            return 0;
        *e = why;
        return -1;
    }
    rc = list_sets(&r, scan, e) < 0 ? -1 : repo_has_recovery(d, &scan->recovery_slot, e);
    if (rc == 0) {
        scan->heads = repo_heads(&r);
        scan->may_read = !r.repository->keys->write_only;
        memcpy(scan->id, r.repository->id, sizeof(scan->id));
        memcpy(scan->slot, r.repository->slot, sizeof(scan->slot));
    }
    repo_close(&r);
    return rc;
}
