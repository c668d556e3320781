#include "daemon/worker/restore_item.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_swap.h"

void restore_kept_deinit(struct restore_kept *k)
{
    free(k->place);
    free(k->remove);
    *k = (struct restore_kept){0};
}

void restore_step_deinit(struct restore_step *s)
{
    free(s->what);
    free(s->where);
    free(s->replaces);
    free(s->refusal);
    free(s->note);
    free(s->stays);
    free(s->resumes);
    *s = (struct restore_step){0};
}

enum restore_kind restore_item_kind(const struct manifest_artifact *a, enum restore_mode mode)
{
    if (manifest_artifact_is_tree(a))
        return RESTORE_KIND_TREE;
    if (mode == RESTORE_TARGET)
        return RESTORE_KIND_FILE;
    return str_equal(a->kind, "out") ? RESTORE_KIND_COMMAND : RESTORE_KIND_DB;
}

int restore_item_plan(struct restore_item *i, const struct restore_request *q, struct err *e)
{
    struct restore_tree *tree = NULL;
    struct restore_database *database = NULL;
    struct restore_file *file = NULL;
    struct restore_command *command = NULL;
    int rc = -1;

    switch (i->kind) {
    case RESTORE_KIND_TREE:
        rc = restore_tree_plan(q, &i->step, &tree, e);
        i->state = tree;
        break;
    case RESTORE_KIND_DB:
        rc = restore_database_plan(q, &i->step, &database, e);
        i->state = database;
        break;
    case RESTORE_KIND_FILE:
        rc = restore_file_plan(q, &i->step, &file, e);
        i->state = file;
        break;
    case RESTORE_KIND_COMMAND:
        rc = restore_command_plan(q, &i->step, &command, e);
        i->state = command;
        break;
    }
    return rc;
}

int restore_item_stage(struct restore_item *i, restore_read *read, void *arg, struct err *e)
{
    switch (i->kind) {
    case RESTORE_KIND_TREE:
        return restore_tree_stage(i->state, read, arg, e);
    case RESTORE_KIND_DB:
        return restore_database_stage(i->state, read, arg, e);
    case RESTORE_KIND_FILE:
        return restore_file_stage(i->state, read, arg, e);
    case RESTORE_KIND_COMMAND:
        return restore_command_stage(i->state, read, arg, e);
    }
    return -1;
}

int restore_item_present(struct restore_item *i, bool trial, const struct fetch_present **ret,
                         struct err *e)
{
    *ret = NULL;
    if (i->kind == RESTORE_KIND_FILE && !trial)
        *ret = restore_file_present(i->state);
    return i->kind == RESTORE_KIND_TREE ? restore_tree_present(i->state, trial, ret, e) : 0;
}

void restore_item_set_parts(struct restore_item *i, uint64_t bytes)
{
    if (i->kind == RESTORE_KIND_TREE)
        restore_tree_set_parts(i->state, bytes);
}

json_t *restore_item_delta(const struct restore_item *i)
{
    return i->kind == RESTORE_KIND_TREE ? restore_tree_delta(i->state) : NULL;
}

bool restore_item_resumes(const struct restore_item *i, const char *run)
{
    return i->kind == RESTORE_KIND_TREE && restore_tree_resumes(i->state, run);
}

json_t *restore_item_record(const struct restore_item *i)
{
    if (i->kind == RESTORE_KIND_TREE)
        return restore_tree_record(i->state);
    return i->kind == RESTORE_KIND_DB ? restore_database_record(i->state) : NULL;
}

int restore_item_swap(struct restore_item *i, struct err *e)
{
    int rc = 0;

    if (i->kind == RESTORE_KIND_TREE)
        rc = restore_tree_swap(i->state, &i->kept, e);
    else if (i->kind == RESTORE_KIND_DB)
        rc = restore_database_swap(i->state, &i->kept, e);
    else if (i->kind == RESTORE_KIND_FILE)
        rc = restore_file_swap(i->state, e);
    i->swapped = rc == 0;
    return rc;
}

bool restore_item_is_gone(const struct restore_item *i)
{
    if (i->kind == RESTORE_KIND_TREE)
        return restore_tree_is_gone(i->state);
    return i->kind == RESTORE_KIND_DB && restore_database_is_gone(i->state);
}

int restore_item_give_up(struct restore_item *i, enum err_code why)
{
    if (i->kind == RESTORE_KIND_TREE)
        return restore_tree_give_up(i->state, why);
    if (i->kind == RESTORE_KIND_FILE)
        return restore_file_give_up(i->state, why);
    return i->kind == RESTORE_KIND_DB && i->state != NULL ? restore_database_give_up(i->state) : 0;
}

void restore_item_add_kept(json_t *list, const char *source, const struct restore_kept *k)
{
    if (k->place != NULL)
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:I, s:o}", "source", source,
                                                    "place", json_printable(k->place), "bytes",
                                                    (json_int_t)k->bytes, "remove",
                                                    json_printable(k->remove)));
}

void restore_item_deinit(struct restore_item *i)
{
    switch (i->kind) {
    case RESTORE_KIND_TREE:
        restore_tree_free(i->state);
        break;
    case RESTORE_KIND_DB:
        restore_database_free(i->state);
        break;
    case RESTORE_KIND_FILE:
        restore_file_free(i->state);
        break;
    case RESTORE_KIND_COMMAND:
        restore_command_free(i->state);
        break;
    }
    restore_step_deinit(&i->step);
    restore_kept_deinit(&i->kept);
    free(i->target);
}

/* The nearest folder above that is there. */
static int open_nearest(const char *path)
{
    _cleanup_free_ char *at = mem_strdup(path);

    for (;;) {
        int fd = io_open(AT_FDCWD, at[0] == '\0' ? "/" : at, O_RDONLY | O_DIRECTORY, 0);
        char *slash = strrchr(at, '/');
        if (fd >= 0 || slash == NULL || at[0] == '\0')
            return fd;
        *slash = '\0';
    }
}

void restore_step_space(struct restore_step *step, const char *path, uint64_t need_bytes)
{
    _cleanup_(fs_closep) int fd = open_nearest(path);
    struct statvfs space;
    struct stat st;

    if (fd < 0 || io_statvfs(fd, &space) != 0 || io_fstat(fd, &st) != 0)
        return;
    step->need_bytes = need_bytes;
    step->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    step->file_system = st.st_dev;
}

int restore_step_recover(struct worker *w, const char *path, const char *content,
                         struct tree_recovered *ret, struct err *e)
{
    if (tree_swap_recover(path, content, ret, e) < 0)
        return -1;
    if (ret->undone > 0)
        worker_log(w, WORKER_WARNING, "an earlier restore into %s was cut off: undone", path);
    return 0;
}

int restore_step_check_empty(struct worker *w, struct restore_step *step, const char *path,
                             const char *content, uint64_t besides, struct tree_recovered *ret,
                             struct err *e)
{
    const struct tree_swap_spec spec = {.target = path};
    uint64_t entries = 0, bytes = 0;
    struct stat st;

    if (io_stat(AT_FDCWD, path, &st, 0) != 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(e, ERR_IO, errno, "target %s", path);
    }
    if (!S_ISDIR(st.st_mode)) {
        step->refusal = mem_printf("target %s is not a folder", path);
        return 0;
    }
    if (restore_step_recover(w, path, content, ret, e) < 0 ||
        tree_swap_measure(&spec, &entries, &bytes, e) < 0)
        return -1;
    if (entries > besides)
        step->refusal = mem_printf("target %s is not empty: name an empty or new folder", path);
    return 0;
}
