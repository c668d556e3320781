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
#include "lib/tree/tree_staging.h"

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif

struct tree_swap {
    struct tree_swap_spec spec;
    char *name; /* of the staging folder, in target */
    int target, staging, fresh;
    struct tree_steps steps;
    struct timespec mtime; /* of the target, which making and removing the folder would change */
    /* made: the staging folder is there; keep: it holds what was there before; leave: it stays for who
     * goes on, though its plan was not run */
    bool made, keep, leave;
};

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

/* Its modification time is that of the target before all this, for who finds it without a plan. */
static int write_content(struct tree_swap *s, struct err *e)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, s->mtime};

    if (fs_replace_file(s->staging, TREE_STAGING_CONTENT, s->spec.content, strlen(s->spec.content),
                        0600, e) < 0)
        return -1;
    (void)io_utimens(s->staging, TREE_STAGING_CONTENT, times, AT_SYMLINK_NOFOLLOW);
    return 0;
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
    if ((s->staging = tree_staging_open_sub(s->target, s->name)) < 0 ||
        drop_inherited(s->staging) != 0 || io_mkdir(s->staging, "new", 0700) != 0 ||
        (s->fresh = tree_staging_open_sub(s->staging, "new")) < 0)
        return err_sys(e, ERR_IO, errno, "create %s/%s/new", s->spec.target, s->name);
    if (io_flock(s->staging, LOCK_EX | LOCK_NB) != 0) /* says to others: at work, not cut off */
        return err_sys(e, ERR_IO, errno, "lock %s/%s", s->spec.target, s->name);
    return s->spec.content == NULL ? 0 : write_content(s, e);
}

int tree_swap_begin(const struct tree_swap_spec *spec, struct tree_swap **ret, int *ret_new,
                    struct err *e)
{
    struct tree_swap *s = mem_alloc(sizeof(*s));

    s->spec = *spec;
    s->name = tree_staging_name(spec->run);
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

/* The target itself has other permissions or times after most restores: alone they are nothing to keep. */
static bool replaced_something(const struct tree_steps *p)
{
    for (size_t i = 0; i < p->step_count; i++)
        if (p->steps[i].old_inode != 0)
            return true;
    for (size_t i = 0; i < p->folder_count; i++)
        if (p->folders[i].path[0] != '\0' &&
            !tree_step_meta_equal(&p->folders[i].old, &p->folders[i].new))
            return true;
    return false;
}

int tree_swap_run(struct tree_swap *s, uint64_t *ret_kept, struct err *e)
{
    struct tree_size size = {0};

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
        if (tree_staging_remove(s->target, s->name, e) < 0)
            return -1;
        tree_staging_set_planned_time(s->target, &s->steps, true);
        return 0;
    }
    if (tree_staging_measure(s->staging, "new", false, &size, e) < 0)
        return -1;
    *ret_kept = size.bytes;
    return 0;
}

void tree_swap_discard(struct tree_swap *s)
{
    s->keep = false;
}

bool tree_swap_leave(struct tree_swap *s)
{
    struct tree_size size = {0};

    s->leave = tree_staging_measure(s->staging, "new", false, &size, NULL) == 0 && size.files > 0;
    return s->leave;
}

void tree_swap_end(struct tree_swap *s)
{
    if (s == NULL)
        return;
    if (s->made && !s->keep) {
        if (!s->leave)
            (void)!tree_staging_remove(s->target, s->name,
                                       NULL); /* what stays is cleared by the next one */
        tree_staging_set_time(s->target, s->mtime);
    }
    fs_closep(&s->fresh);
    fs_closep(&s->staging);
    fs_closep(&s->target);
    tree_steps_deinit(&s->steps);
    free(s->name);
    free(s);
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
    if ((folder = tree_staging_open_sub(target, name)) >= 0)
        is = tree_rename_can_exchange(folder);
    (void)!fs_remove_tree(target, name, NULL);
    tree_staging_set_time(target, st.st_mtim);
    return is;
}
