#include "lib/tree/tree_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_place.h"
#include "lib/tree/tree_rename.h"

struct sides {
    struct tree_place target, fresh;
    int staging; /* the third place */
};

struct places { /* of one step */
    struct tree_side target, fresh, aside, lost;
    char names[2][32];
};

static int look(struct sides *s, const struct tree_steps *p, size_t i, struct places *ret,
                struct err *e)
{
    const char *path = p->steps[i].path;

    *ret = (struct places){0};
    (void)snprintf(ret->names[0], sizeof(ret->names[0]), "moving-%zu", i);
    (void)snprintf(ret->names[1], sizeof(ret->names[1]), "lost-%zu", i);
    ret->aside = (struct tree_side){.fd = s->staging, .name = ret->names[0]};
    ret->lost = (struct tree_side){.fd = s->staging, .name = ret->names[1]};
    if (tree_place_open(&s->fresh, path, true, &ret->fresh.fd, &ret->fresh.name, e) < 0 ||
        tree_place_open(&s->target, path, false, &ret->target.fd, &ret->target.name, e) < 0 ||
        tree_side_look(&ret->fresh, e) < 0 || tree_side_look(&ret->target, e) < 0)
        return -1;
    return tree_side_look(&ret->aside, e);
}

static int step_forward(struct sides *s, const struct tree_steps *p, size_t i, struct err *e)
{
    const struct tree_step *step = &p->steps[i];
    struct places at;

    if (look(s, p, i, &at, e) < 0)
        return -1;
    if (at.target.inode == step->new_inode && at.fresh.inode == step->old_inode)
        return 0;
    if (at.target.inode != step->old_inode || at.fresh.inode != step->new_inode)
        return err_set(e, ERR_REFUSED,
                       "it changed while the restore was running: stop what writes there");
    return tree_rename_swap(&at.target, &at.fresh, &at.aside, e);
}

/* A swap over the third place was cut off. Forwards: it holds what was there before the restore;
 * what stands in the target was restored, or was made by somebody in the moment that it was empty.
 * Back: it holds what gave way, and what was there before is in one of the other two. */
static int settle_back(const struct places *at, const struct tree_step *step, struct err *e)
{
    if (at->aside.inode == step->old_inode) {
        const struct tree_side *to = at->fresh.inode == 0 ? &at->fresh : &at->lost;
        if (at->target.inode != 0 && tree_rename_move(&at->target, to, e) < 0)
            return -1;
        return tree_rename_move(&at->aside, &at->target, e);
    }
    if (at->target.inode == 0 && tree_rename_move(&at->fresh, &at->target, e) < 0)
        return -1;
    return tree_rename_move(
        &at->aside, at->target.inode == 0 || at->fresh.inode == 0 ? &at->fresh : &at->lost, e);
}

/* Whatever stands in the target now gives way to what was there before: it may have been replaced
 * by normal work since. */
static int step_back(struct sides *s, const struct tree_steps *p, size_t i, struct err *e)
{
    const struct tree_step *step = &p->steps[i];
    struct places at;

    if (look(s, p, i, &at, e) < 0 ||
        (at.aside.inode != 0 && (settle_back(&at, step, e) < 0 || look(s, p, i, &at, e) < 0)))
        return -1;
    if (at.target.inode == step->old_inode)
        return 0;
    if (at.fresh.inode != step->old_inode)
        return err_set(e, ERR_NOT_FOUND, "what was there before the restore is not kept any more");
    return tree_rename_swap(&at.target, &at.fresh, &at.aside, e);
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

int tree_exchange_forward(int target, int fresh, int staging, const struct tree_steps *p,
                          struct err *e)
{
    struct sides s = {TREE_PLACE(target), TREE_PLACE(fresh), staging};
    const char *path = "";
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->step_count; i++)
        rc = step_forward(&s, p, i, e), path = p->steps[i].path;
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

int tree_exchange_back(int target, int fresh, int staging, const struct tree_steps *p,
                       struct err *e)
{
    struct sides s = {TREE_PLACE(target), TREE_PLACE(fresh), staging};
    struct err first = {0};

    for (size_t i = p->step_count; i-- > 0;) {
        struct err now = {0};
        if (step_back(&s, p, i, &now) < 0)
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
