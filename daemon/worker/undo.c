/* undo.c — the undo verb: bring back what a restore replaced.
 *
 * The record says what was to be done; each kind finds out for itself how far it came, so that a
 * restore that was killed in between is undone as well, and undoing twice is harmless. Items go
 * back in the reverse order. One that cannot does not keep the others from it. */
#include <string.h>

#include "daemon/worker/restore_item.h"
#include "daemon/worker/restore_record.h"

static const json_t *configured_source(const json_t *job, const char *name)
{
    const json_t *list = json_object_get(job, "configured"), *o;
    size_t i;

    json_array_foreach(list, i, o) if (str_equal(json_opt_string(o, "name", NULL), name)) return o;
    return NULL;
}

static int undo_tree(struct worker *w, const json_t *item, bool staging, struct err *e)
{
    struct err why = {0};

    if (restore_tree_undo(w, item, &why) == 0 || (staging && why.code == ERR_NOT_FOUND))
        return 0; /* it was cut off before it made anything */
    if (e != NULL)
        *e = why;
    return -1;
}

static int undo_database(struct worker *w, json_t *record, const json_t *item, const json_t *job,
                         struct err *e)
{
    const char *source = json_opt_string(item, "source", "");
    struct restore_kept kept = {0};

    int rc = restore_database_undo(w, item, configured_source(job, source),
                                   json_opt_string(job, "uri", NULL), &kept, e);
    if (rc == 0)
        restore_item_add_kept(json_object_get(record, "kept"), source, &kept);
    restore_kept_deinit(&kept);
    return rc;
}

static int undo_item(struct worker *w, json_t *record, const json_t *item, const json_t *job,
                     struct err *e)
{
    bool staging = str_equal(json_opt_string(record, "state", ""), "staging");
    const char *kind;

    if (json_get_string(item, "kind", &kind, e) < 0)
        return -1;
    if (strcmp(kind, "tree") == 0)
        return undo_tree(w, item, staging, e);
    if (strcmp(kind, "database") == 0)
        return undo_database(w, record, item, job, e);
    return err_set(e, ERR_FORMAT, "a restore of kind \"%s\" is not known", kind);
}

int restore_item_undo(struct worker *w, json_t *record, const char *source, const json_t *job,
                      struct err *e)
{
    const json_t *items = json_object_get(record, "items");
    struct err first = {0};

    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *item = json_array_get(items, i);
        struct err why = {0};
        if (str_equal(json_opt_string(item, "source", NULL), source) &&
            undo_item(w, record, item, job, &why) < 0 && first.code == ERR_NONE)
            first = why;
    }
    if (first.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = first;
    return -1;
}

static int undo_all(struct worker *w, json_t *record, const json_t *job, json_t *undone,
                    struct err *e)
{
    const json_t *items = json_object_get(record, "items");
    struct err first = {0};

    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *item = json_array_get(items, i);
        const char *source = json_opt_string(item, "source", "");
        struct err why = {0};
        if (undo_item(w, record, item, job, &why) == 0)
            (void)json_array_append_new(undone, json_pack("{s:s, s:s}", "source", source, "what",
                                                          json_opt_string(item, "kind", "")));
        else if (first.code == ERR_NONE)
            (void)err_set(&first, why.code, "source \"%s\": %s", source, why.text);
        else
            worker_log(w, WORKER_WARNING, "source \"%s\": %s", source, why.text);
    }
    if (first.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = first;
    return -1;
}

/* Without a record: the folder itself holds its plan. */
static int undo_in_target(struct worker *w, const char *run, const char *target, json_t *undone,
                          struct err *e)
{
    _cleanup_json_ json_t *record = json_pack("{s:s, s:s}", "target", target, "run", run);

    if (restore_tree_undo(w, record, e) < 0)
        return -1;
    (void)json_array_append_new(undone, json_pack("{s:s, s:s}", "source", target, "what", "tree"));
    return 0;
}

/* What an undo sets aside is kept from now on, instead of what the restore kept; a second undo finds
 * nothing more. */
static int undo_recorded(struct worker *w, const char *state_dir, const char *run,
                         const json_t *job, json_t *undone, json_t **ret_kept, struct err *e)
{
    _cleanup_json_ json_t *record = NULL;
    json_t *items;

    if (restore_record_read(state_dir, run, &record, e) < 0 ||
        json_get_array(record, "items", &items, e) < 0)
        return -1;
    if (!str_equal(json_opt_string(record, "state", ""), "undone") ||
        !json_is_array(json_object_get(record, "kept")))
        (void)json_object_set_new(record, "kept", json_array());
    if (undo_all(w, record, job, undone, e) < 0)
        return -1;
    (void)json_object_set_new(record, "state", json_string("undone"));
    *ret_kept = json_incref(json_object_get(record, "kept"));
    return restore_record_write(state_dir, run, record, e);
}

static int undo_locked(struct worker *w, const char *state_dir, const char *run, const json_t *job,
                       json_t *undone, json_t **ret_kept, struct err *e)
{
    int lock = -1;

    if (restore_record_lock(state_dir, run, &lock, e) < 0)
        return -1;
    int rc = undo_recorded(w, state_dir, run, job, undone, ret_kept, e);
    restore_record_unlock(state_dir, run, &lock);
    return rc;
}

int verb_undo(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    const char *run, *state_dir = json_opt_string(job, "state_dir", NULL);
    const char *target = json_opt_string(job, "target", NULL);
    _cleanup_json_ json_t *undone = json_array(), *kept = NULL;
    int rc;

    if (json_get_string(job, "run", &run, e) < 0)
        return -1;
    if (!str_is_name(run))
        return err_set(e, ERR_USAGE, "\"%s\" is not the name of a restore", run);
    worker_outlive(w); /* the caller confirmed it */
    if (target != NULL) {
        rc = undo_in_target(w, run, target, undone, e);
    } else if (state_dir == NULL) {
        rc = err_set(e, ERR_USAGE,
                     "without a state folder, name the folder that was restored into "
                     "(--target)");
    } else {
        rc = undo_locked(w, state_dir, run, job, undone, &kept, e);
    }
    if (rc == 0)
        *ret_result = json_pack("{s:O, s:o}", "undone", undone, "kept",
                                kept != NULL ? json_incref(kept) : json_array());
    return rc;
}
