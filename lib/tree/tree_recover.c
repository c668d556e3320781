/* tree_recover.c — what swaps left, undone or taken up. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_exchange.h"
#include "lib/tree/tree_staging.h"
#include "lib/tree/tree_swap.h"

enum { CONTENT_MAX = 65536 };

/* The plan tells root what to move: nobody else may have written it. */
static int open_staging(int target, const char *name, struct err *e)
{
    int fd = tree_staging_open_sub(target, name);
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
    _cleanup_(fs_closep) int fresh = tree_staging_open_sub(staging, "new");

    if (fresh < 0)
        return err_sys(e, ERR_IO, errno, "open new");
    if (tree_exchange_back(target, fresh, staging, steps, e) < 0)
        return -1;
    if (io_syncfs(target) != 0)
        return err_sys(e, ERR_IO, errno, "write to the disk");
    steps->state = STEPS_UNDONE;
    return tree_steps_write(steps, staging, e);
}

/* The target's own time as it was before this run began, if that is known. */
static struct timespec time_before(int staging)
{
    struct stat st;

    if (io_stat(staging, TREE_STAGING_CONTENT, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return st.st_mtim;
}

/* Back to what was, and the staging folder gone. */
static int undo_in(int target, const char *name, struct err *e)
{
    _cleanup_(fs_closep) int staging = open_staging(target, name, e);
    struct tree_steps steps;

    if (staging < 0 || read_steps(staging, &steps, e) < 0)
        return -1;
    const struct timespec before = time_before(staging);
    int rc = steps.state == STEPS_UNDONE ? 0 : take_back(target, staging, &steps, e);
    if (rc == 0)
        rc = tree_staging_remove(target, name, e);
    if (rc == 0) {
        tree_staging_set_time(target, before);
        tree_staging_set_planned_time(target, &steps, false);
    }
    tree_steps_deinit(&steps);
    return rc;
}

int tree_swap_undo(const char *target_path, const char *run, struct err *e)
{
    _cleanup_free_ char *name = tree_staging_name(run);
    _cleanup_(fs_closep) int target = -1;

    if (fs_open_dir(target_path, &target, e) < 0)
        return -1;
    return undo_in(target, name, e) < 0 ? err_wrap(e, "undo in %s", target_path) : 0;
}

/* Was it about to make the same? What cannot be read was not. */
static bool has_content(int staging, const char *content)
{
    struct buf text = BUF_INIT(CONTENT_MAX);
    bool has = content != NULL && fs_read_file(staging, TREE_STAGING_CONTENT, &text, NULL) == 0 &&
               text.len == strlen(content) && memcmp(text.data, content, text.len) == 0;

    buf_deinit(&text);
    return has;
}

/* Nothing of it is in place any more; what it made lies in new/, for who goes on with it. */
static int take_up(int target, int staging, const char *name, struct tree_steps *steps,
                   struct tree_recovered *ret, struct err *e)
{
    struct tree_size size = {0};

    if ((steps->state != STEPS_UNDONE && take_back(target, staging, steps, e) < 0) ||
        tree_staging_measure(staging, "new", false, &size, e) < 0)
        return -1;
    tree_staging_set_time(target, time_before(staging));
    strlist_add(&ret->runs, name + strlen(TREE_STAGING_PREFIX));
    ret->files += size.files;
    ret->bytes += size.bytes;
    return 0;
}

/* A finished run stays for undo; one that was cut off goes back to what was. */
static int recover_one(int target, const char *name, const char *content,
                       struct tree_recovered *ret, struct err *e)
{
    _cleanup_(fs_closep) int staging = open_staging(target, name, e);
    struct tree_steps steps;
    int rc = 0;

    if (staging < 0)
        return -1;
    if (io_flock(staging, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_REFUSED, "another restore is at work there (%s)", name);
    if (read_steps(staging, &steps, e) < 0)
        return -1;
    bool finished = steps.state == STEPS_DONE, same = !finished && has_content(staging, content);
    if (same)
        rc = take_up(target, staging, name, &steps, ret, e);
    tree_steps_deinit(&steps);
    if (finished || same)
        return rc;
    ret->undone++;
    return undo_in(target, name, e);
}

void tree_recovered_deinit(struct tree_recovered *r)
{
    strlist_deinit(&r->runs);
}

int tree_swap_recover(const char *target_path, const char *content, struct tree_recovered *ret,
                      struct err *e)
{
    _cleanup_(fs_closep) int target = -1;
    _cleanup_(strlist_deinit) struct strlist names = {0};
    struct dirent *entry;

    *ret = (struct tree_recovered){0};
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
        if (recover_one(target, names.items[i], content, ret, e) < 0) {
            tree_recovered_deinit(ret);
            return err_wrap(e, "an earlier restore into %s was cut off", target_path);
        }
    return 0;
}

int tree_swap_open_made(const char *target_path, const char *run, int *ret_lock, int *ret_new,
                        struct err *e)
{
    _cleanup_free_ char *name = tree_staging_name(run);
    _cleanup_(fs_closep) int target = -1, staging = -1;

    if (fs_open_dir(target_path, &target, e) < 0 || (staging = open_staging(target, name, e)) < 0)
        return -1;
    if (io_flock(staging, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_REFUSED, "another restore is at work there (%s)", name);
    if ((*ret_new = tree_staging_open_sub(staging, "new")) < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s/new", name);
    *ret_lock = fs_take_fd(&staging);
    return 0;
}
