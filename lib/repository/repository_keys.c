#include <string.h>

#include "lib/base/json.h"
#include "lib/repository/repository_parts.h"

static int note(struct repository *r, const struct log_author *who, const char *change,
                const char *slot, int generation, struct err *e)
{
    json_t *members = slot != NULL
                          ? json_pack("{s:s s:s}", "change", change, "slot", slot)
                          : json_pack("{s:s s:i}", "change", change, "generation", generation);

    return log_append(r->pruner, who, "keys", members, NULL, e);
}

/* Before anything changes: another may be the pruner by now. */
static int check(struct repository *r, const struct log_author *who, struct err *e)
{
    if (r->keys->write_only)
        return err_set(
            e, ERR_KEY,
            "%s: the key at hand may only write: who has access is changed with one that may read",
            store_place(r->store));
    return log_check_holder(r->pruner, who, e);
}

int repository_add_slot(struct repository *r, const struct log_author *who, enum slot_kind kind,
                        const char *label, const struct secret *secret, char ret_slot[33],
                        struct err *e)
{
    if (check(r, who, e) < 0 || slot_add(r->store, r->keys, kind, label, secret, ret_slot, e) < 0)
        return -1;
    return note(r, who, "slot added", ret_slot, 0, e);
}

int repository_remove_slot(struct repository *r, const struct log_author *who, const char *slot,
                           struct err *e)
{
    /* the record first: a slot that is put back, or was not removed after all, gets no new key */
    if (check(r, who, e) < 0 || slot_may_go(r->store, slot, e) < 0 ||
        note(r, who, "slot removed", slot, 0, e) < 0)
        return -1;
    return slot_remove(r->store, slot, e);
}

int repository_rotate(struct repository *r, const struct log_author *who, struct err *e)
{
    struct strlist removed = {0};

    if (check(r, who, e) < 0)
        return -1;
    for (size_t i = 0; i < log_count(r->pruner); i++) {
        const struct log_record x = log_at(r->pruner, i);
        if (strcmp(x.kind, "keys") == 0 &&
            strcmp(json_opt_string(x.body, "change", ""), "slot removed") == 0)
            strlist_add(&removed, json_opt_string(x.body, "slot", ""));
    }
    int rc = generation_add(r->store, r->keys, &removed, e);
    strlist_deinit(&removed);
    return rc < 0 ? -1 : note(r, who, "generation", NULL, keys_current(r->keys)->number, e);
}
