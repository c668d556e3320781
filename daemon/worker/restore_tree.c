/* restore_tree.c — a file tree, or a single file, back to a folder: extracted into a staging
 * folder inside the target, then exchanged entry by entry (lib/tree/tree_swap.h).
 *
 * The happy path is: undo what an earlier, cut-off restore left; look what is there; make the
 * target and its staging folder; extract; plan the steps and write them down; make them. Into a
 * new folder it is the same, only that nothing is there to exchange. From a repository, what is the same in
 * the target already is left out of all that (restore_present.h).
 *
 * Failure modes: whatever fails before the exchange, but for a cancellation, leaves the staging folder of a restore
 * from a repository to the next restore of the same. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker/restore_tree.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_extract.h"

struct tree_swap_spec restore_tree_spec(const struct restore_tree *t)
{
    return (struct tree_swap_spec){
        .target = t->target,
        .run = t->run,
        .single = t->single,
        .rules = t->rules,
        .content = t->content,
        .kept = t->look != NULL && t->present != NULL ? restore_present_kept(t->present) : NULL};
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
    struct tree_swap_spec spec = restore_tree_spec(t);
    struct tree_swap *swap = NULL;
    uint64_t bytes;
    int fresh;

    spec.run = run;
    spec.content = NULL;
    spec.kept = NULL;
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
    if (t->present != NULL)
        restore_present_progress(t->present, bytes);
    else
        worker_progress(t->worker, t->step, bytes, t->total);
    return 0;
}

static void on_note(void *arg, const char *text)
{
    const struct restore_tree *t = arg;

    worker_log(t->worker, WORKER_WARNING, "source \"%s\": %s", t->source, text);
}

static int on_take(void *arg, const char *path, int folder, const char *name, ino_t *ret_inode,
                   struct err *e)
{
    struct restore_tree *t = arg;

    return restore_present_take(t->present, path, folder, name, ret_inode, e);
}

int restore_tree_present(struct restore_tree *t, bool trial, const struct fetch_present **ret,
                         struct err *e)
{
    const struct restore_present_spec spec = {.worker = t->worker,
                                              .target = t->target,
                                              .look = t->look,
                                              .runs = &t->recovered.runs,
                                              .step = t->step,
                                              .total = t->total};

    *ret = NULL;
    if (t->look == NULL && t->recovered.runs.count == 0)
        return 0;
    if (t->present == NULL && restore_present_open(&spec, &t->present, e) < 0)
        return err_wrap(e, "source \"%s\"", t->source);
    *ret = restore_present_begin(t->present, trial);
    return 0;
}

/* All that was wanted of what earlier restores made is in the new staging folder. */
static int remove_made(struct restore_tree *t, struct err *e)
{
    for (size_t i = 0; i < t->recovered.runs.count; i++)
        if (tree_swap_undo(t->target, t->recovered.runs.items[i], e) < 0)
            return -1;
    return 0;
}

int restore_tree_stage(struct restore_tree *t, restore_read *read, void *arg, struct err *e)
{
    const struct tree_swap_spec spec = restore_tree_spec(t);
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
                                              .take = t->present != NULL ? on_take : NULL,
                                              .arg = t};
    if (tree_extract(&extract, &result, e) < 0)
        return err_wrap(e, "source \"%s\"", t->source);
    t->written_files = result.files;
    t->written_bytes = result.bytes;
    if (remove_made(t, e) < 0)
        return -1;
    return tree_swap_plan(t->swap, e);
}

void restore_tree_set_parts(struct restore_tree *t, uint64_t bytes)
{
    t->fetched_bytes = t->written_bytes - bytes;
}

json_t *restore_tree_delta(const struct restore_tree *t)
{
    struct restore_present_count n = {0};

    if (t->content == NULL)
        return NULL;
    if (t->present != NULL)
        n = restore_present_count(t->present);
    return json_pack("{s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:I}", "stayed", "files",
                     (json_int_t)n.stayed_files, "bytes", (json_int_t)n.stayed_bytes, "resumed",
                     "files", (json_int_t)n.taken_files, "bytes", (json_int_t)n.taken_bytes,
                     "written", "files", (json_int_t)(t->written_files - n.taken_files), "bytes",
                     (json_int_t)t->written_bytes, "fetched_bytes", (json_int_t)t->fetched_bytes);
}

bool restore_tree_resumes(const struct restore_tree *t, const char *run)
{
    return t != NULL && strlist_contains(&t->recovered.runs, run);
}

int restore_tree_give_up(struct restore_tree *t, enum err_code why)
{
    if (t == NULL || t->swap == NULL || t->swapped || t->content == NULL || why == ERR_CANCELLED ||
        !tree_swap_leave(t->swap))
        return 0;
    _cleanup_free_ char *target = str_shell_quote(t->target);
    worker_log(t->worker, WORKER_WARNING,
               "source \"%s\": what was made stays in %s/%s%s, and the same command goes on with "
               "it; it goes by: synbakctl restore --undo %s%s%s",
               t->source, t->target, TREE_STAGING_PREFIX, t->run, t->run,
               t->recorded ? "" : " --target ", t->recorded ? "" : target);
    return -1;
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
    restore_present_free(t->present);
    tree_recovered_deinit(&t->recovered);
    if (t->look != NULL)
        restore_look_deinit(t->look);
    free(t->look);
    free(t->content);
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
