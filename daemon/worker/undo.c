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

static int undo_record(struct worker *w, const json_t *record, const json_t *job, struct err *e)
{
    const char *kind;

    if (json_get_string(record, "kind", &kind, e) < 0)
        return -1;
    if (strcmp(kind, "tree") == 0)
        return restore_tree_undo(w, record, e);
    if (strcmp(kind, "database") == 0)
        return restore_database_undo(w, record,
                                     configured_source(job, json_opt_string(record, "source", "")),
                                     json_opt_string(job, "uri", NULL), e);
    return err_set(e, ERR_FORMAT, "a restore of kind \"%s\" is not known", kind);
}

int restore_item_undo(struct worker *w, const json_t *items, const char *source, const json_t *job,
                      struct err *e)
{
    struct err first = {0};

    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *record = json_array_get(items, i);
        struct err why = {0};
        if (str_equal(json_opt_string(record, "source", NULL), source) &&
            undo_record(w, record, job, &why) < 0 && first.code == ERR_NONE)
            first = why;
    }
    if (first.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = first;
    return -1;
}

static int undo_all(struct worker *w, const json_t *items, const json_t *job, json_t *undone,
                    struct err *e)
{
    struct err first = {0};

    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *record = json_array_get(items, i);
        const char *source = json_opt_string(record, "source", "");
        struct err why = {0};
        if (undo_record(w, record, job, &why) == 0)
            (void)json_array_append_new(undone, json_pack("{s:s, s:s}", "source", source, "what",
                                                          json_opt_string(record, "kind", "")));
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

int verb_undo(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    const char *run, *state_dir = json_opt_string(job, "state_dir", NULL);
    const char *target = json_opt_string(job, "target", NULL);
    _cleanup_json_ json_t *record = NULL, *undone = json_array();
    json_t *items;
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
        rc = restore_record_read(state_dir, run, &record, e);
        if (rc == 0)
            rc = json_get_array(record, "items", &items, e);
        if (rc == 0)
            rc = undo_all(w, items, job, undone, e);
        if (rc == 0) {
            (void)json_object_set_new(record, "state", json_string("undone"));
            (void)json_object_set_new(record, "kept", json_array());
            rc = restore_record_write(state_dir, run, record, e);
        }
    }
    if (rc == 0)
        *ret_result = json_pack("{s:O}", "undone", undone);
    return rc;
}
