#include "lib/tree/tree_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_compare.h"
#include "lib/tree/tree_exchange.h"
#include "lib/tree/tree_rename.h"

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif

struct tree_swap {
    struct tree_swap_spec spec;
    char *name; /* of the staging folder, in target */
    int target, staging, fresh;
    struct tree_steps steps;
    struct timespec mtime; /* of the target, which making and removing the folder would change */
    bool made, keep; /* made: the staging folder is there; keep: it holds what was there before */
};

static char *staging_name(const char *run)
{
    return mem_printf("%s%s", TREE_STAGING_PREFIX, run);
}

static int open_sub(int fd, const char *name)
{
    return io_open(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* Making and removing the staging folder is no change of the target that anyone should see. */
static void set_time(int target, struct timespec mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};

    (void)io_utimens(target, NULL, times, 0); /* not the owner: then it shows */
}

static void set_planned_time(int target, const struct tree_steps *p, bool forward)
{
    for (size_t i = 0; i < p->folder_count; i++) {
        const struct tree_step_meta *m = forward ? &p->folders[i].new : &p->folders[i].old;
        if (p->folders[i].path[0] == '\0')
            set_time(target,
                     (struct timespec){.tv_sec = (time_t)m->mtime_s, .tv_nsec = (long)m->mtime_ns});
    }
}

/* A default ACL of the target would be handed down to everything that is restored, and give rights
 * that the backup never had. */
static int drop_inherited(int fd)
{
    static const char *const inherited[] = {"system.posix_acl_default", "system.posix_acl_access"};

    for (size_t i = 0; i < ARRAY_LEN(inherited); i++)
        if (io_removexattr(fd, inherited[i]) != 0 && errno != ENODATA && errno != ENOTSUP)
            return -1;
    return io_fchmod(fd, 0700);
}

static int make_staging(struct tree_swap *s, struct err *e)
{
    struct stat st;

    if (io_fstat(s->target, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat of %s", s->spec.target);
    s->mtime = st.st_mtim;
    if (io_mkdir(s->target, s->name, 0700) != 0)
        return errno == EEXIST
                   ? err_set(e, ERR_EXISTS, "%s/%s exists already", s->spec.target, s->name)
                   : err_sys(e, ERR_IO, errno, "create %s/%s", s->spec.target, s->name);
    s->made = true;
    if ((s->staging = open_sub(s->target, s->name)) < 0 || drop_inherited(s->staging) != 0 ||
        io_mkdir(s->staging, "new", 0700) != 0 || (s->fresh = open_sub(s->staging, "new")) < 0)
        return err_sys(e, ERR_IO, errno, "create %s/%s/new", s->spec.target, s->name);
    if (io_flock(s->staging, LOCK_EX | LOCK_NB) != 0) /* says to others: at work, not cut off */
        return err_sys(e, ERR_IO, errno, "lock %s/%s", s->spec.target, s->name);
    return 0;
}

int tree_swap_begin(const struct tree_swap_spec *spec, struct tree_swap **ret, int *ret_new,
                    struct err *e)
{
    struct tree_swap *s = mem_alloc(sizeof(*s));

    s->spec = *spec;
    s->name = staging_name(spec->run);
    s->target = s->staging = s->fresh = -1;
    if (fs_open_dir(spec->target, &s->target, e) < 0 || make_staging(s, e) < 0) {
        tree_swap_end(s);
        return -1;
    }
    *ret_new = s->fresh;
    *ret = s;
    return 0;
}

/* On overlayfs a folder of a lower layer cannot be renamed; it would show half-way. */
static int check_file_system(const struct tree_swap *s, struct err *e)
{
    struct statfs fs;

    if (io_statfs(s->target, &fs) != 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC)
        return 0;
    for (size_t i = 0; i < s->steps.step_count; i++)
        if (s->steps.steps[i].old_inode != 0)
            return err_set(e, ERR_REFUSED,
                           "%s lies on overlayfs (a container's own layer), where folders cannot "
                           "be exchanged: restore with --target into a new folder, or into the "
                           "volume from outside the container",
                           s->spec.target);
    return 0;
}

int tree_swap_plan(struct tree_swap *s, struct err *e)
{
    if (tree_compare(&s->spec, s->target, s->fresh, &s->steps, e) < 0 ||
        check_file_system(s, e) < 0)
        return -1;
    if (s->steps.folder_count > 0 && s->steps.folders[0].path[0] == '\0') {
        s->steps.folders[0].old.mtime_s = s->mtime.tv_sec;
        s->steps.folders[0].old.mtime_ns = s->mtime.tv_nsec;
    }
    if (io_fchmod(s->fresh, 0700) != 0) /* its own permissions stand in the plan */
        return err_sys(e, ERR_IO, errno, "permissions of %s/%s/new", s->spec.target, s->name);
    /* the names of the staging folder and of all in it, before a file gives way to one of them: a
     * folder that is entered may be on the disk before the target is */
    if (io_syncfs(s->target) != 0)
        return err_sys(e, ERR_IO, errno, "write %s to the disk", s->spec.target);
    return tree_steps_write(&s->steps, s->staging, e);
}

static int remove_staging(int target, const char *name, struct err *e)
{
    if (fs_remove_tree(target, name, e) < 0)
        return -1;
    return fs_sync_dir(target, ".", e);
}

static bool replaced_something(const struct tree_steps *p)
{
    for (size_t i = 0; i < p->step_count; i++)
        if (p->steps[i].old_inode != 0)
            return true;
    return false;
}

static bool does_not_count(const char *name)
{
    return str_starts(name, TREE_STAGING_PREFIX) || strcmp(name, "lost+found") == 0;
}

/* top: the target itself, where staging folders and the file system's own do not count. */
static int measure_folder(int parent, const char *name, bool top, uint64_t *entries,
                          uint64_t *bytes, struct err *e)
{
    DIR *dir = io_opendir(parent, name);
    struct dirent *entry;
    struct stat st;
    int rc = 0;

    if (dir == NULL)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "list %s", name);
    while (rc == 0 && (entry = io_readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (top && does_not_count(entry->d_name)) ||
            io_stat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        *bytes += (uint64_t)st.st_blocks * 512;
        (*entries)++;
        if (S_ISDIR(st.st_mode))
            rc = measure_folder(dirfd(dir), entry->d_name, false, entries, bytes, e);
    }
    (void)io_closedir(dir);
    return rc;
}

int tree_swap_run(struct tree_swap *s, uint64_t *ret_kept, struct err *e)
{
    uint64_t entries = 0;

    *ret_kept = 0;
    if (tree_exchange_forward(s->target, s->fresh, s->staging, &s->steps, e) < 0) {
        struct err back = {0};
        if (tree_exchange_back(s->target, s->fresh, s->staging, &s->steps, &back) < 0) {
            s->keep = true;
            (void)err_wrap(e,
                           "and what was done could not be undone (%.200s), the rest lies in %s/%s",
                           back.text, s->spec.target, s->name);
        }
        return -1;
    }
    s->keep = true; /* whatever happens now, never remove what was there before */
    if (io_syncfs(s->target) != 0)
        return err_sys(e, ERR_IO, errno, "write %s to the disk", s->spec.target);
    s->steps.state = STEPS_DONE;
    if (tree_steps_write(&s->steps, s->staging, e) < 0)
        return -1;
    if (!replaced_something(&s->steps)) {
        s->keep = false;
        s->made = false;
        if (remove_staging(s->target, s->name, e) < 0)
            return -1;
        set_planned_time(s->target, &s->steps, true);
        return 0;
    }
    return measure_folder(s->staging, "new", false, &entries, ret_kept, e);
}

void tree_swap_discard(struct tree_swap *s)
{
    s->keep = false;
}

void tree_swap_end(struct tree_swap *s)
{
    if (s == NULL)
        return;
    if (s->made && !s->keep) {
        (void)remove_staging(s->target, s->name, NULL); /* what stays is cleared by the next one */
        set_time(s->target, s->mtime);
    }
    fs_closep(&s->fresh);
    fs_closep(&s->staging);
    fs_closep(&s->target);
    tree_steps_deinit(&s->steps);
    free(s->name);
    free(s);
}

/* The plan tells root what to move: nobody else may have written it. */
static int open_staging(int target, const char *name, struct err *e)
{
    int fd = open_sub(target, name);
    struct stat st;

    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", name);
    if (io_fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
        return fd;
    (void)io_close(fd);
    return err_set(e, ERR_REFUSED, "%s is not a folder of a restore made by this user", name);
}

/* No plan: nothing was exchanged, or it was taken back and only remains are left. */
static int read_steps(int staging, struct tree_steps *ret, struct err *e)
{
    struct err why = {0};

    if (tree_steps_read(staging, ret, &why) == 0)
        return 0;
    if (why.code != ERR_NOT_FOUND) {
        if (e != NULL)
            *e = why;
        return -1;
    }
    *ret = (struct tree_steps){.state = STEPS_UNDONE};
    return 0;
}

static int take_back(int target, int staging, struct tree_steps *steps, struct err *e)
{
    _cleanup_(fs_closep) int fresh = open_sub(staging, "new");

    if (fresh < 0)
        return err_sys(e, ERR_IO, errno, "open new");
    if (tree_exchange_back(target, fresh, staging, steps, e) < 0)
        return -1;
    if (io_syncfs(target) != 0)
        return err_sys(e, ERR_IO, errno, "write to the disk");
    steps->state = STEPS_UNDONE;
    return tree_steps_write(steps, staging, e);
}

/* Back to what was, and the staging folder gone. */
static int undo_in(int target, const char *name, struct err *e)
{
    _cleanup_(fs_closep) int staging = open_staging(target, name, e);
    struct tree_steps steps;

    if (staging < 0 || read_steps(staging, &steps, e) < 0)
        return -1;
    int rc = steps.state == STEPS_UNDONE ? 0 : take_back(target, staging, &steps, e);
    if (rc == 0)
        rc = remove_staging(target, name, e);
    if (rc == 0)
        set_planned_time(target, &steps, false);
    tree_steps_deinit(&steps);
    return rc;
}

int tree_swap_undo(const char *target_path, const char *run, struct err *e)
{
    _cleanup_free_ char *name = staging_name(run);
    _cleanup_(fs_closep) int target = -1;

    if (fs_open_dir(target_path, &target, e) < 0)
        return -1;
    return undo_in(target, name, e) < 0 ? err_wrap(e, "undo in %s", target_path) : 0;
}

/* A finished run stays for undo; one that was cut off goes back to what was. */
static int recover_one(int target, const char *name, size_t *count, struct err *e)
{
    _cleanup_(fs_closep) int staging = open_staging(target, name, e);
    struct tree_steps steps;

    if (staging < 0)
        return -1;
    if (io_flock(staging, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_REFUSED, "another restore is at work there (%s)", name);
    if (read_steps(staging, &steps, e) < 0)
        return -1;
    bool finished = steps.state == STEPS_DONE;
    tree_steps_deinit(&steps);
    if (finished)
        return 0;
    (*count)++;
    return undo_in(target, name, e);
}

int tree_swap_recover(const char *target_path, size_t *ret_count, struct err *e)
{
    _cleanup_(fs_closep) int target = -1;
    _cleanup_(strlist_deinit) struct strlist names = {0};
    struct dirent *entry;

    *ret_count = 0;
    if (fs_open_dir(target_path, &target, e) < 0)
        return -1;
    DIR *dir = io_opendir(target, ".");
    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "list %s", target_path);
    while ((entry = io_readdir(dir)) != NULL)
        if (str_starts(entry->d_name, TREE_STAGING_PREFIX))
            strlist_add(&names, entry->d_name);
    (void)io_closedir(dir);
    for (size_t i = 0; i < names.count; i++)
        if (recover_one(target, names.items[i], ret_count, e) < 0)
            return err_wrap(e, "an earlier restore into %s was cut off", target_path);
    return 0;
}

int tree_swap_measure(const struct tree_swap_spec *spec, uint64_t *ret_entries, uint64_t *ret_bytes,
                      struct err *e)
{
    _cleanup_(fs_closep) int target = -1;
    struct stat st;

    *ret_entries = *ret_bytes = 0;
    if (fs_open_dir(spec->target, &target, e) < 0)
        return -1;
    if (spec->single == NULL)
        return measure_folder(target, ".", true, ret_entries, ret_bytes, e);
    if (io_stat(target, spec->single, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        *ret_entries = 1;
        *ret_bytes = (uint64_t)st.st_size;
    }
    return 0;
}

bool tree_swap_is_atomic(const char *target_path, const char *run)
{
    _cleanup_free_ char *name = mem_printf("%s%s.probe", TREE_STAGING_PREFIX, run);
    _cleanup_(fs_closep) int target = -1, folder = -1;
    struct stat st;
    bool is = true;

    if (fs_open_dir(target_path, &target, NULL) < 0 || io_fstat(target, &st) != 0 ||
        io_mkdir(target, name, 0700) != 0)
        return true; /* it will be said when it matters */
    if ((folder = open_sub(target, name)) >= 0)
        is = tree_rename_can_exchange(folder);
    (void)!fs_remove_tree(target, name, NULL);
    set_time(target, st.st_mtim);
    return is;
}
