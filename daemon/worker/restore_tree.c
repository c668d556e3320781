/* restore_tree.c — a file tree, or a single file, back to a folder: extracted into a staging
 * folder inside the target, then exchanged entry by entry (lib/tree/tree_swap.h).
 *
 * The happy path is: undo what an earlier, cut-off restore left; look what is there; make the
 * target and its staging folder; extract; plan the steps and write them down; make them. Into a
 * new folder it is the same, only that nothing is there to exchange. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker/restore_item.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_extract.h"
#include "lib/tree/tree_swap.h"

struct restore_tree {
    struct worker *worker;
    char *source, *target, *single, *run, *step;
    bool in_place, drop_first, made_target;
    bool dropped, swapped;
    uint64_t total;
    struct tree_rules *rules;
    struct tree_swap *swap; /* from staging on */
};

static struct tree_swap_spec spec_of(const struct restore_tree *t)
{
    return (struct tree_swap_spec){
        .target = t->target, .run = t->run, .single = t->single, .rules = t->rules};
}

/* Where it goes in place: as configured now, or else where it came from. */
static int find_place(struct restore_tree *t, const struct restore_request *q, struct err *e)
{
    const json_t *details = q->artifact->details;
    const char *path = json_opt_string(details, "path", NULL);

    if (q->source != NULL)
        path = json_opt_string(q->source, "path", path);
    if (path == NULL || path[0] != '/')
        return err_set(e, ERR_CONFIG,
                       "where source \"%s\" belongs is not known: name a configuration that has it "
                       "(--config), or restore with --target",
                       t->source);
    t->target = mem_strdup(path);
    if (!json_opt_bool(details, "single", false))
        return 0;
    char *slash = strrchr(t->target, '/');
    t->single = mem_strdup(slash + 1);
    slash[slash == t->target] = '\0'; /* "/file" lies in "/" */
    return 0;
}

static int read_rules(struct restore_tree *t, const json_t *details, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist include = {0}, exclude = {0};

    if (json_get_strings(details, "include", &include, e) < 0 ||
        json_get_strings(details, "exclude", &exclude, e) < 0)
        return err_wrap(e, "manifest: source \"%s\"", t->source);
    return tree_rules_create(&include, &exclude, &t->rules, e);
}

static int plan_in_place(struct restore_tree *t, struct restore_step *step, struct err *e)
{
    const struct tree_swap_spec spec = spec_of(t);
    uint64_t entries = 0, bytes = 0;
    size_t recovered = 0;
    struct err why = {0};
    struct stat st;
    char size[16];

    if (io_stat(AT_FDCWD, t->target, &st, 0) != 0)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "%s", t->target);
    if (!S_ISDIR(st.st_mode)) {
        step->refusal = mem_printf("%s is not a folder", t->target);
        return 0;
    }
    if (tree_swap_recover(t->target, &recovered, &why) < 0) {
        step->refusal = mem_strdup(why.text);
        return 0;
    }
    if (recovered > 0)
        worker_log(t->worker, WORKER_WARNING, "an earlier restore into %s was cut off: undone",
                   t->target);
    if (tree_swap_measure(&spec, &entries, &bytes, e) < 0)
        return -1;
    if (entries > 0 && !tree_swap_is_atomic(t->target, t->run))
        step->note = mem_strdup("not atomic here: this file system cannot exchange two entries, so "
                                "each is absent for a moment");
    if (entries > 0)
        step->replaces = mem_printf("%llu entr%s there, %s", (unsigned long long)entries,
                                    entries == 1 ? "y" : "ies", str_bytes(bytes, size));
    if (t->drop_first)
        t->drop_first = entries > 0;
    return 0;
}

static int plan(struct restore_tree *t, const struct restore_request *q, struct restore_step *step,
                struct err *e)
{
    const struct manifest_artifact *a = q->artifact;
    long long files = (long long)json_opt_i64(a->details, "files", 0);
    char size[16];

    step->what =
        mem_printf("%lld file%s, %s", files, files == 1 ? "" : "s", str_bytes(a->raw_bytes, size));
    if (q->mode == RESTORE_TARGET) {
        t->target = mem_strdup(q->target);
        if (restore_step_check_empty(t->worker, step, t->target, e) < 0)
            return -1;
    } else if (find_place(t, q, e) < 0 || read_rules(t, a->details, e) < 0 ||
               plan_in_place(t, step, e) < 0) {
        return -1;
    }
    step->where = t->single != NULL ? mem_printf("%s%s%s", t->target,
                                                 str_ends(t->target, "/") ? "" : "/", t->single)
                                    : mem_strdup(t->target);
    restore_step_space(step, t->target, t->drop_first ? 0 : a->raw_bytes);
    return 0;
}

int restore_tree_plan(const struct restore_request *q, struct restore_step *step,
                      struct restore_tree **ret, struct err *e)
{
    struct restore_tree *t = mem_alloc(sizeof(*t));

    t->worker = q->worker;
    t->source = mem_strdup(q->artifact->source);
    t->run = mem_strdup(q->run);
    t->step = mem_printf("restore %s", t->source);
    t->in_place = q->mode != RESTORE_TARGET;
    t->drop_first = t->in_place && q->drop_first;
    t->total = q->artifact->raw_bytes;
    if (plan(t, q, step, e) < 0) {
        restore_tree_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

static int make_target(struct restore_tree *t, struct err *e)
{
    struct stat st;

    if (io_stat(AT_FDCWD, t->target, &st, 0) == 0)
        return 0;
    /* the folder itself gets the backup's permissions; those above it are new */
    t->made_target = true;
    return fs_make_dirs(AT_FDCWD, t->target, 0755, e);
}

/* No room for both: what is there goes first, as a swap against nothing that is not kept. */
static int drop_present(struct restore_tree *t, struct err *e)
{
    _cleanup_free_ char *run = mem_printf("%s.dropped", t->run);
    struct tree_swap_spec spec = spec_of(t);
    struct tree_swap *swap = NULL;
    uint64_t bytes;
    int fresh;

    spec.run = run;
    if (tree_swap_begin(&spec, &swap, &fresh, e) < 0)
        return -1;
    int rc = tree_swap_plan(swap, e);
    if (rc == 0)
        rc = tree_swap_run(swap, &bytes, e);
    if (rc == 0) {
        t->dropped = true;
        tree_swap_discard(swap);
    }
    tree_swap_end(swap);
    return rc;
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    struct restore_tree *t = arg;

    (void)path;
    if (worker_cancelled(t->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    worker_progress(t->worker, t->step, bytes, t->total);
    return 0;
}

static void on_note(void *arg, const char *text)
{
    const struct restore_tree *t = arg;

    worker_log(t->worker, WORKER_WARNING, "source \"%s\": %s", t->source, text);
}

int restore_tree_stage(struct restore_tree *t, restore_read *read, void *arg, struct err *e)
{
    const struct tree_swap_spec spec = spec_of(t);
    struct tree_extract_result result;
    int fresh;

    if (make_target(t, e) < 0 || (t->drop_first && drop_present(t, e) < 0) ||
        tree_swap_begin(&spec, &t->swap, &fresh, e) < 0)
        return -1;
    const struct tree_extract_spec extract = {.root = fresh,
                                              .privileged = geteuid() == 0,
                                              .source = read,
                                              .source_arg = arg,
                                              .progress = on_progress,
                                              .note = on_note,
                                              .arg = t};
    if (tree_extract(&extract, &result, e) < 0)
        return err_wrap(e, "source \"%s\"", t->source);
    return tree_swap_plan(t->swap, e);
}

json_t *restore_tree_record(const struct restore_tree *t)
{
    if (!t->in_place)
        return NULL; /* a new folder: there is nothing to go back to */
    _cleanup_free_ char *staged = mem_printf("%s/%s%s", t->target, TREE_STAGING_PREFIX, t->run);
    return json_pack("{s:s, s:s, s:o, s:s, s:o}", "kind", "tree", "source", t->source, "target",
                     json_printable(t->target), "run", t->run, "staged", json_printable(staged));
}

/* For a shell: nothing in single quotes is special but the quote itself. */
static char *quote(const char *text)
{
    char *out = mem_alloc(strlen(text) * 4 + 3), *p = out;

    *p++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            p = stpcpy(p, "'\\'");
        *p++ = *text;
    }
    *p = '\'';
    return out;
}

int restore_tree_swap(struct restore_tree *t, struct restore_kept *ret_kept, struct err *e)
{
    uint64_t bytes = 0;

    if (tree_swap_run(t->swap, &bytes, e) < 0)
        return err_wrap(e, "source \"%s\"", t->source);
    t->made_target = false;
    t->swapped = true;
    if (bytes > 0) {
        ret_kept->place = mem_printf("%s/%s%s", t->target, TREE_STAGING_PREFIX, t->run);
        _cleanup_free_ char *quoted = quote(ret_kept->place);
        ret_kept->remove = mem_printf("rm -rf -- %s", quoted);
        ret_kept->bytes = bytes;
    }
    return 0;
}

bool restore_tree_is_gone(const struct restore_tree *t)
{
    return t != NULL && t->dropped && !t->swapped;
}

void restore_tree_free(struct restore_tree *t)
{
    if (t == NULL)
        return;
    tree_swap_end(t->swap);
    if (t->made_target)
        (void)io_unlink(AT_FDCWD, t->target, AT_REMOVEDIR);
    tree_rules_free(t->rules);
    free(t->source);
    free(t->target);
    free(t->single);
    free(t->run);
    free(t->step);
    free(t);
}

int restore_tree_undo(struct worker *w, const json_t *record, struct err *e)
{
    const char *target, *run;
    struct err why = {0};

    if (json_get_string(record, "target", &target, e) < 0 ||
        json_get_string(record, "run", &run, e) < 0)
        return -1;
    if (!str_is_name(run))
        return err_set(e, ERR_FORMAT, "\"%s\" is not the name of a restore", run);
    worker_progress(w, "undo", 0, 0);
    if (tree_swap_undo(target, run, &why) == 0)
        return 0;
    if (why.code == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "nothing is kept in %s of restore %s any more: %s", target,
                       run, why.text);
    if (e != NULL)
        *e = why;
    return -1;
}
