/* restore.c — the restore verb: the order of things; each thing is its kind's affair.
 *
 * The happy path is: read the manifest, plan, ask, verify every byte that will be used, stop what
 * works with it, stage every item, write the record, swap every item, start, check. Failure modes:
 * a plan that cannot be carried out, or a "no": nothing was changed. A damaged artifact: found
 * before anything stopped. A failure while staging: what was staged goes, what was stopped starts
 * again. A failure while swapping: the swaps that were made are undone, and the same. A check that
 * fails: the restore stands, and its undo is named. Killed: the record tells undo what to do. */
#include <string.h>

#include "daemon/worker/restore_plan.h"
#include "daemon/worker/restore_record.h"
#include "daemon/worker/set_reader.h"
#include "lib/base/child.h"
#include "lib/base/clock.h"
#include "lib/plain/pump.h"

struct restore {
    struct worker *worker;
    struct set_reader set;
    struct restore_plan plan;
    json_t *record;
    int lock; /* of the record; -1: none is written */
    bool stopped, can_undo;
};

/* Before anything is replaced: the present state was copied, or is not to be. */
static int check_safety_copy(const struct restore *r, struct err *e)
{
    if (!r->plan.replaces || str_equal(r->plan.safety_copy, "done") ||
        str_equal(r->plan.safety_copy, "none"))
        return 0;
    return err_set(
        e, ERR_REFUSED,
        "the present state was not copied before: let the daemon do it, or go on without "
        "(--no-safety-copy); nothing was changed");
}

static json_t *replaced_sources(const struct restore_plan *p)
{
    json_t *names = json_array();
    struct strlist seen = {0};

    for (size_t i = 0; i < p->count; i++) {
        const char *name = p->items[i].artifact->source;
        if (p->items[i].step.replaces == NULL || strlist_contains(&seen, name))
            continue;
        strlist_add(&seen, name);
        (void)json_array_append_new(names, json_string(name));
    }
    strlist_deinit(&seen);
    return names;
}

static int confirm(struct restore *r, struct err *e)
{
    _cleanup_free_ char *text = restore_plan_text(&r->plan);

    if (!r->plan.yes)
        return worker_ask(r->worker, text, replaced_sources(&r->plan), e);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        worker_log(r->worker, WORKER_INFO, "%s", line);
    return 0;
}

struct verifying {
    struct worker *worker;
    uint64_t before, total;
};

static bool on_verified(void *arg, uint64_t stored_bytes)
{
    const struct verifying *v = arg;

    worker_progress(v->worker, "verify", v->before + stored_bytes, v->total);
    return !worker_cancelled(v->worker);
}

/* Every piece of a repository is checked as it comes, and what was staged is put in place only when
 * all of it came: to read it twice is for what cannot be taken back. */
static bool must_verify_before(const struct restore *r)
{
    if (!r->set.from.repository || r->plan.stop.count > 0 || r->plan.replace)
        return true;
    for (size_t i = 0; i < r->plan.count; i++)
        if (r->plan.items[i].kind == RESTORE_KIND_COMMAND)
            return true;
    return false;
}

static int verify_all(struct restore *r, struct err *e)
{
    struct verifying v = {.worker = r->worker};

    if (!must_verify_before(r))
        return 0;
    for (size_t i = 0; i < r->plan.count; i++)
        v.total += set_artifact_size(r->plan.items[i].artifact);
    for (size_t i = 0; i < r->plan.count; i++) {
        const struct manifest_artifact *a = r->plan.items[i].artifact;
        if (worker_cancelled(r->worker))
            return err_set(e, ERR_CANCELLED, "cancelled, nothing was changed");
        const struct fetch_present *present;
        if (restore_item_present(&r->plan.items[i], true, &present, e) < 0)
            return -1;
        if (set_artifact_verify(&r->set, a, present, on_verified, &v, e) < 0)
            return err_wrap(e, "set %s, source \"%s\": nothing was changed", r->set.prefix,
                            a->source);
        v.before += set_artifact_size(a);
    }
    return 0;
}

static int run_command(struct restore *r, const char *what, const struct strlist *argv,
                       struct err *e)
{
    struct child_spec spec = {
        .argv = (const char *const *)argv->items, .keep_capabilities = true, .pass_fd = -1};
    struct child *child = NULL;

    if (argv->count == 0)
        return 0;
    worker_progress(r->worker, what, 0, 0);
    worker_log(r->worker, WORKER_INFO, "%s: %s", what, argv->items[0]);
    int rc = child_start(&child, &spec, e);
    if (rc == 0)
        rc = child_wait(child, NULL, e);
    child_free(child);
    return rc < 0 ? err_wrap(e, "%s command", what) : 0;
}

static int stage_item(struct restore *r, struct restore_item *item, struct err *e)
{
    const struct fetch_present *present;
    struct set_artifact *content;

    if (restore_item_present(item, false, &present, e) < 0 ||
        set_artifact_open(&r->set, item->artifact, NULL, &content, e) < 0)
        return -1;
    if (present != NULL)
        set_artifact_use(content, present);
    struct pump *pump = pump_new(set_artifact_read, content);
    int rc = restore_item_stage(item, pump_read, pump, e);
    pump_free(pump);
    if (rc == 0)
        restore_item_set_parts(item, set_artifact_present(content));
    set_artifact_close(content);
    return rc;
}

static int stage_all(struct restore *r, struct err *e)
{
    for (size_t i = 0; i < r->plan.count; i++)
        if (stage_item(r, &r->plan.items[i], e) < 0)
            return err_wrap(e, "restore %s", r->plan.items[i].artifact->source);
    return 0;
}

static bool has_record(const struct restore *r)
{
    return r->can_undo && r->plan.state_dir != NULL;
}

static int write_record(struct restore *r, const char *state, struct err *e)
{
    (void)json_object_set_new(r->record, "state", json_string(state));
    if (!has_record(r))
        return 0;
    return restore_record_write(r->plan.state_dir, r->plan.run, r->record, e);
}

/* "staging": durable before anything is made; "planned": complete, before anything is replaced. */
static int make_record(struct restore *r, const char *state, struct err *e)
{
    json_t *items = json_array();
    char now[32];

    for (size_t i = 0; i < r->plan.count; i++) {
        json_t *item = restore_item_record(&r->plan.items[i]);
        if (item == NULL || json_is_null(item)) {
            json_decref(item);
            continue;
        }
        r->can_undo = true;
        (void)json_object_set_new(item, "source", json_string(r->plan.items[i].artifact->source));
        (void)json_array_append_new(items, item);
    }
    json_decref(r->record);
    r->record = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:[]}", "version", 1, "run", r->plan.run,
                          "job", r->set.job, "id", r->set.id, "time",
                          clock_iso8601(clock_wall(), now), "items", items, "kept");
    if (has_record(r) && r->lock < 0 &&
        restore_record_lock(r->plan.state_dir, r->plan.run, &r->lock, e) < 0)
        return -1;
    return write_record(r, state, e);
}

/* Nothing was replaced, or all of it was put back: remove what was staged, and then the record; it
 * stays if something was left behind, for undo or for a restore that goes on. */
static void give_up(struct restore *r, bool put_back, enum err_code because)
{
    struct err why = {0};
    int rc = 0;

    for (size_t i = 0; i < r->plan.count; i++)
        if (restore_item_give_up(&r->plan.items[i], because) < 0)
            rc = -1;
    if (!has_record(r))
        return;
    rc = rc < 0     ? write_record(r, "staging", &why)
         : put_back ? write_record(r, "undone", &why)
                    : restore_record_remove(r->plan.state_dir, r->plan.run, &why);
    if (rc < 0)
        worker_log(r->worker, WORKER_WARNING, "%s", why.text);
}

static bool is_resumed(const struct restore *r, const char *run)
{
    for (size_t i = 0; i < r->plan.count; i++)
        if (restore_item_resumes(&r->plan.items[i], run))
            return true;
    return false;
}

/* A worker that was killed left its record: what it made is undo's to remove, unless we go on with it. */
static void tell_cut_off(const struct restore *r)
{
    struct strlist runs = {0};

    if (r->plan.state_dir != NULL)
        restore_record_cut_off(r->plan.state_dir, &runs);
    for (size_t i = 0; i < runs.count; i++)
        if (!is_resumed(r, runs.items[i]))
            worker_log(r->worker, WORKER_WARNING,
                       "an earlier restore was cut off; what it left behind goes by: synbakctl "
                       "restore --undo %s",
                       runs.items[i]);
    strlist_deinit(&runs);
}

static void undo_swapped(struct restore *r)
{
    for (size_t i = r->plan.count; i-- > 0;) {
        struct restore_item *item = &r->plan.items[i];
        struct err why = {0};
        if (item->swapped &&
            restore_item_undo(r->worker, r->record, item->artifact->source, r->plan.job, &why) < 0)
            worker_log(r->worker, WORKER_WARNING,
                       "source \"%s\" could not be put back: %s (try: synbakctl restore --undo %s)",
                       item->artifact->source, why.text, r->plan.run);
    }
}

static int swap_all(struct restore *r, struct err *e)
{
    for (size_t i = 0; i < r->plan.count; i++) {
        struct restore_item *item = &r->plan.items[i];
        worker_progress(r->worker, "put in place", i, r->plan.count);
        if (restore_item_swap(item, e) == 0)
            continue;
        (void)err_wrap(e, "put %s in place", item->artifact->source);
        undo_swapped(r);
        return -1;
    }
    return 0;
}

static void note_kept(struct restore *r)
{
    json_t *kept = json_object_get(r->record, "kept");

    for (size_t i = 0; i < r->plan.count; i++) {
        const struct restore_item *item = &r->plan.items[i];
        restore_item_add_kept(kept, item->artifact->source, &item->kept);
    }
}

/* Without a state folder there is no record, but a tree's own folder holds what undo needs. */
static void tell_undo(struct restore *r)
{
    const json_t *items = json_object_get(r->record, "items"), *item;
    size_t i;

    if (has_record(r))
        return;
    json_array_foreach(items, i, item) if (json_object_get(item, "target") != NULL)
        worker_log(r->worker, WORKER_INFO,
                   "no state folder keeps a record; to undo: synbakctl restore --undo %s "
                   "--target %s",
                   r->plan.run, json_opt_string(item, "target", ""));
}

/* What "replace" has taken away and nothing has taken the place of; NULL: nothing. */
static const char *find_gone(const struct restore *r)
{
    for (size_t i = 0; i < r->plan.count; i++)
        if (restore_item_is_gone(&r->plan.items[i]))
            return r->plan.items[i].artifact->source;
    return NULL;
}

static int stop_and_change(struct restore *r, struct err *e)
{
    r->stopped = true; /* even a stop that failed may have stopped something */
    if (run_command(r, "stop", &r->plan.stop, e) < 0 || make_record(r, "staging", e) < 0)
        return -1;
    if (stage_all(r, e) < 0) {
        give_up(r, false, e->code);
        return -1;
    }
    /* the last moment: from here on it runs to its end; where nothing is left to go back to, it does
     * already */
    if (worker_cancelled(r->worker) && find_gone(r) == NULL) {
        give_up(r, false, ERR_CANCELLED);
        return err_set(e, ERR_CANCELLED, "cancelled, nothing was changed");
    }
    if (make_record(r, "planned", e) < 0) {
        give_up(r, false, e->code);
        return -1;
    }
    if (swap_all(r, e) < 0) {
        give_up(r, true, e->code);
        return -1;
    }
    note_kept(r);
    tell_undo(r);
    return write_record(r, "done", e);
}

static json_t *item_result(const struct restore_item *item)
{
    json_t *kept =
        item->kept.place == NULL
            ? json_null()
            : json_pack("{s:o, s:I, s:o}", "place", json_printable(item->kept.place), "bytes",
                        (json_int_t)item->kept.bytes, "remove", json_printable(item->kept.remove));

    return json_pack("{s:s, s:o, s:o, s:I, s:o, s:o?}", "source", item->artifact->source, "what",
                     json_printable(item->step.what), "where", json_printable(item->step.where),
                     "bytes", (json_int_t)item->artifact->raw_bytes, "kept", kept, "delta",
                     restore_item_delta(item));
}

static json_t *make_result(const struct restore *r, struct mono start)
{
    json_t *restored = json_array();

    for (size_t i = 0; i < r->plan.count; i++)
        (void)json_array_append_new(restored, item_result(&r->plan.items[i]));
    return json_pack("{s:o, s:o, s:I}", "restored", restored, "undo",
                     has_record(r) ? json_string(r->plan.run) : json_null(), "seconds",
                     (json_int_t)((clock_mono().us - start.us) / 1000000));
}

/* Start in every case; its failure counts only when all else went well. */
static int change_and_start(struct restore *r, struct err *e)
{
    struct err why = {0};
    int rc = stop_and_change(r, e);
    const char *gone = find_gone(r);

    if (rc < 0 && gone != NULL)
        (void)err_wrap(e,
                       "the earlier state of source \"%s\" is gone (--replace), and nothing is in "
                       "its place yet; mend this and run the same restore again",
                       gone);
    if (r->stopped && run_command(r, "start", &r->plan.start, &why) < 0) {
        if (rc < 0)
            worker_log(r->worker, WORKER_WARNING, "%s", why.text);
        else
            return err_set(e, why.code, "restored, but %s", why.text);
    }
    if (rc < 0)
        return -1;
    if (run_command(r, "check", &r->plan.check, &why) < 0)
        return err_set(e, why.code, "restored, but the check failed: %s%s%s", why.text,
                       has_record(r) ? "; to go back: synbakctl restore --undo " : "",
                       has_record(r) ? r->plan.run : "");
    return 0;
}

static int restore(struct restore *r, const json_t *job, struct err *e)
{
    if (restore_plan_read(job, &r->plan, e) < 0 ||
        set_reader_open(r->worker, job, &r->set, e) < 0 ||
        restore_plan_make(&r->plan, r->worker, &r->set, e) < 0 || check_safety_copy(r, e) < 0)
        return -1;
    tell_cut_off(r);
    if (confirm(r, e) < 0)
        return -1;
    worker_outlive(r->worker);
    if (r->plan.replaces) /* what was taken away must come back, however slowly */
        store_stop_reads(r->set.from.store, NULL, NULL);
    if (r->plan.replaces && verify_all(r, e) < 0)
        return -1;
    return change_and_start(r, e);
}

int verb_restore(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    struct restore r = {.worker = w, .lock = -1};
    struct mono start = clock_mono();

    int rc = restore(&r, job, e);
    if (rc == 0)
        *ret_result = make_result(&r, start);
    if (r.lock >= 0)
        restore_record_unlock(r.plan.state_dir, r.plan.run, &r.lock);
    restore_plan_deinit(&r.plan);
    set_reader_close(&r.set);
    json_decref(r.record);
    return rc;
}
