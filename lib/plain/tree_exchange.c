#include "lib/plain/tree_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/plain/tree_place.h"

struct sides {
    struct tree_place target, fresh;
};

struct side { /* of one step */
    int fd;
    const char *name;
    uint64_t inode; /* 0: nothing is there */
};

static int look(struct tree_place *place, const char *path, bool create, struct side *ret,
                struct err *e)
{
    struct stat st;

    if (tree_place_open(place, path, create, &ret->fd, &ret->name, e) < 0)
        return -1;
    if (io_stat(ret->fd, ret->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        ret->inode = st.st_ino;
    else if (errno == ENOENT)
        ret->inode = 0;
    else
        return err_sys(e, ERR_IO, errno, "stat");
    return 0;
}

static int rename_error(int errnum, struct err *e)
{
    if (errnum == EBUSY)
        return err_set(e, ERR_REFUSED,
                       "it is a mount point, which cannot be exchanged: unmount it, or restore "
                       "with --target into a new folder");
    if (errnum == EXDEV || errnum == EINVAL || errnum == ENOSYS)
        return err_set(e, ERR_REFUSED,
                       "this file system cannot exchange it (%s): restore with --target into a "
                       "new folder and move it yourself",
                       strerror(errnum));
    return err_sys(e, ERR_IO, errnum, "exchange");
}

static int move(const struct side *from, const struct side *to, unsigned flags, struct err *e)
{
    if (io_rename(from->fd, from->name, to->fd, to->name, flags) != 0)
        return rename_error(errno, e);
    return 0;
}

/* The one move there is: what is on either side goes to the other. */
static int swap_sides(const struct side *target, const struct side *fresh, struct err *e)
{
    if (target->inode != 0 && fresh->inode != 0)
        return move(fresh, target, RENAME_EXCHANGE, e);
    if (target->inode != 0)
        return move(target, fresh, RENAME_NOREPLACE, e);
    return fresh->inode != 0 ? move(fresh, target, RENAME_NOREPLACE, e) : 0;
}

static int step_forward(struct sides *s, const struct tree_step *step, struct err *e)
{
    struct side target, fresh;

    if (look(&s->target, step->path, false, &target, e) < 0 ||
        look(&s->fresh, step->path, true, &fresh, e) < 0)
        return -1;
    if (target.inode == step->new_inode && fresh.inode == step->old_inode)
        return 0;
    if (target.inode != step->old_inode || fresh.inode != step->new_inode)
        return err_set(e, ERR_REFUSED,
                       "it changed while the restore was running: stop what writes there");
    return swap_sides(&target, &fresh, e);
}

/* Whatever stands in the target now gives way to what was there before: it may have been replaced
 * by normal work since. */
static int step_back(struct sides *s, const struct tree_step *step, struct err *e)
{
    struct side target, fresh;

    if (look(&s->fresh, step->path, true, &fresh, e) < 0 ||
        look(&s->target, step->path, false, &target, e) < 0)
        return -1;
    if (target.inode == step->old_inode)
        return 0;
    if (fresh.inode != step->old_inode)
        return err_set(e, ERR_NOT_FOUND, "what was there before the restore is not kept any more");
    return swap_sides(&target, &fresh, e);
}

static int open_folder(struct tree_place *place, const char *path, struct err *e)
{
    const char *name = ".";
    int parent = place->root;

    if (path[0] != '\0' && tree_place_open(place, path, false, &parent, &name, e) < 0)
        return -1;
    int fd = io_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return fd < 0 ? err_sys(e, ERR_IO, errno, "open folder") : fd;
}

static int set_meta(struct sides *s, const char *path, const struct tree_step_meta *m,
                    struct err *e)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)m->mtime_s, .tv_nsec = (long)m->mtime_ns}};
    _cleanup_(fs_closep) int fd = open_folder(&s->target, path, e);
    struct stat st;

    if (fd < 0)
        return -1;
    if (io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "stat");
    if (geteuid() == 0 && (st.st_uid != m->uid || st.st_gid != m->gid) &&
        io_chown(fd, "", m->uid, m->gid, AT_EMPTY_PATH) != 0)
        return err_sys(e, ERR_IO, errno, "owner");
    if ((st.st_mode & 07777) != m->mode && io_fchmod(fd, m->mode) != 0)
        return err_sys(e, ERR_IO, errno, "permissions");
    if (tree_step_attr_apply(fd, m->attributes, e) < 0)
        return -1;
    if (io_utimens(fd, NULL, times, 0) != 0)
        return err_sys(e, ERR_IO, errno, "modification time");
    return 0;
}

static int wrap_path(const char *path, struct err *e)
{
    _cleanup_free_ char *shown = str_printable(path, strnlen(path, 200));

    return err_wrap(e, "%s", shown[0] == '\0' ? "the folder itself" : shown);
}

int tree_exchange_forward(int target, int fresh, const struct tree_steps *p, struct err *e)
{
    struct sides s = {TREE_PLACE(target), TREE_PLACE(fresh)};
    const char *path = "";
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->step_count; i++)
        rc = step_forward(&s, &p->steps[i], e), path = p->steps[i].path;
    /* inner folders first: setting an outer one's time must come after all else in it */
    for (size_t i = p->folder_count; rc == 0 && i-- > 0;)
        rc = set_meta(&s, p->folders[i].path, &p->folders[i].new, e), path = p->folders[i].path;
    tree_place_deinit(&s.target);
    tree_place_deinit(&s.fresh);
    return rc < 0 ? wrap_path(path, e) : 0;
}

/* Keep the first error, go on with the rest. */
static void note_error(struct err *first, const char *path, const struct err *now)
{
    if (first->code != ERR_NONE)
        return;
    *first = *now;
    (void)wrap_path(path, first);
}

int tree_exchange_back(int target, int fresh, const struct tree_steps *p, struct err *e)
{
    struct sides s = {TREE_PLACE(target), TREE_PLACE(fresh)};
    struct err first = {0};

    for (size_t i = p->step_count; i-- > 0;) {
        struct err now = {0};
        if (step_back(&s, &p->steps[i], &now) < 0)
            note_error(&first, p->steps[i].path, &now);
    }
    for (size_t i = p->folder_count; i-- > 0;) {
        struct err now = {0};
        if (set_meta(&s, p->folders[i].path, &p->folders[i].old, &now) < 0)
            note_error(&first, p->folders[i].path, &now);
    }
    tree_place_deinit(&s.target);
    tree_place_deinit(&s.fresh);
    if (first.code == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = first;
    return -1;
}
