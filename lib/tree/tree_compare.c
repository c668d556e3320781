#include "lib/tree/tree_compare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/tree/tree_place.h"

struct comparison {
    const struct tree_swap_spec *spec;
    struct tree_steps *steps;
    size_t stayed; /* entries that were passed so far and are to stay where they are */
};

enum kind { NOTHING, FOLDER, MOUNT_POINT, OTHER };

struct pair { /* one name, both sides */
    enum kind old, new;
    uint64_t old_inode, new_inode;
    char *path; /* owned */
};

static void close_pair(struct pair *p)
{
    free(p->path);
}

/* A mount point, also of a bind mount of the same file system, shows when it is opened. */
static bool is_mount_point(int fd, const char *name)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
    };
    _cleanup_(fs_closep) int opened = io_openat2(fd, name, &how);

    return opened < 0 && errno == EXDEV;
}

static int look(int fd, const char *name, enum kind *kind, uint64_t *inode, struct err *e)
{
    struct stat st;

    *kind = NOTHING;
    *inode = 0;
    if (fd < 0)
        return 0;
    if (io_stat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "stat of %s", name);
    *inode = st.st_ino;
    *kind = is_mount_point(fd, name) ? MOUNT_POINT : S_ISDIR(st.st_mode) ? FOLDER : OTHER;
    return 0;
}

static int open_folder(int fd, const char *name, struct err *e)
{
    int folder = io_open(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

    return folder < 0 ? err_sys(e, ERR_IO, errno, "open folder %s", name) : folder;
}

/* Sorted, so that the plan is the same every time. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_names(int fd, struct strlist *names, struct err *e)
{
    DIR *dir = fd < 0 ? NULL : io_opendir(fd, ".");
    struct dirent *entry;

    if (fd < 0)
        return 0;
    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "list folder");
    while ((entry = io_readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strlist_add(names, entry->d_name);
    int errnum = errno;
    (void)io_closedir(dir);
    return errnum != 0 ? err_sys(e, ERR_IO, errnum, "list folder") : 0;
}

static int both_names(int old, int new, struct strlist *names, struct err *e)
{
    size_t kept = 0;

    if (add_names(old, names, e) < 0 || add_names(new, names, e) < 0)
        return -1;
    if (names->count == 0)
        return 0;
    qsort(names->items, names->count, sizeof(*names->items), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
    names->items[kept] = NULL;
    return 0;
}

static enum tree_verdict judge(const struct comparison *c, const char *path, bool is_folder,
                               bool inside)
{
    if (strcmp(path, "lost+found") == 0)
        return TREE_SKIP; /* it belongs to the file system */
    if (c->spec->rules != NULL)
        return tree_rules_judge(c->spec->rules, path, is_folder, inside);
    const char *slash = strrchr(path, '/');
    return str_starts(slash == NULL ? path : slash + 1, TREE_STAGING_PREFIX) ? TREE_SKIP
                                                                             : TREE_TAKE;
}

static bool is_inside(const struct comparison *c, enum tree_verdict verdict, bool inside)
{
    return inside || (verdict == TREE_TAKE && c->spec->rules != NULL &&
                      tree_rules_has_include(c->spec->rules));
}

static int compare_folders(struct comparison *c, int old, int new, const char *path, bool inside,
                           struct err *e);

static int enter(struct comparison *c, int old_parent, int new_parent, const char *name,
                 const struct pair *p, bool inside, struct err *e)
{
    _cleanup_(fs_closep) int old = open_folder(old_parent, name, e), new = -1;

    if (old < 0)
        return -1;
    if (p->new == FOLDER) {
        if ((new = open_folder(new_parent, name, e)) < 0 ||
            tree_steps_add_folder(c->steps, p->path, old, new, e) < 0)
            return -1;
    }
    return compare_folders(c, old, new, p->path, inside, e);
}

static int check_mount_point(int new_parent, const char *name, const struct pair *p, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist names = {0};

    if (p->new == NOTHING)
        return 0;
    if (p->new == FOLDER) {
        _cleanup_(fs_closep) int fd = open_folder(new_parent, name, e);
        if (fd < 0 || add_names(fd, &names, e) < 0)
            return -1;
        if (names.count == 0)
            return 0; /* it was one when the backup was made: what is mounted stays */
    }
    return err_set(e, ERR_REFUSED,
                   "%s is a mount point now and the backup has content for it: unmount it, or "
                   "restore with --target into a new folder",
                   p->path);
}

/* The folder that was entered last needs nothing at all. */
static bool leaves_folder(const struct comparison *c, size_t steps, size_t folders)
{
    const struct tree_steps *s = c->steps;

    return c->spec->kept != NULL && s->step_count == steps && s->folder_count == folders + 1 &&
           tree_step_meta_equal(&s->folders[folders].old, &s->folders[folders].new);
}

/* A folder in which nothing is to stay is exchanged as a whole: one step, whatever is in it. Which it is
 * shows when it has been gone through. */
static int compare_folder(struct comparison *c, int old, int new, const char *name,
                          const struct pair *p, enum tree_verdict verdict, bool inside,
                          struct err *e)
{
    const size_t steps = c->steps->step_count, folders = c->steps->folder_count;
    const size_t stayed = c->stayed;

    if (enter(c, old, new, name, p, inside, e) < 0)
        return -1;
    if (p->new == FOLDER && leaves_folder(c, steps, folders)) {
        tree_steps_cut(c->steps, steps, folders);
        c->stayed++;
        return 0;
    }
    if (c->stayed == stayed && verdict != TREE_PASS) {
        tree_steps_cut(c->steps, steps, folders);
        tree_steps_add(c->steps, p->path, p->old_inode, p->new_inode);
        return 0;
    }
    if (p->new == OTHER)
        return err_set(e, ERR_REFUSED,
                       "%s is a folder with things that are not part of the backup, and a "
                       "file in the backup: move it away first",
                       p->path);
    return 0;
}

/* Links, devices and the like are made anew at little cost: only where nothing differs do they stay. What has
 * several names does not, because the others are not looked at here. */
static bool is_same(int old, int new, const char *name)
{
    char a[PATH_MAX], b[PATH_MAX];
    struct stat x, y;

    if (io_stat(old, name, &x, AT_SYMLINK_NOFOLLOW) != 0 ||
        io_stat(new, name, &y, AT_SYMLINK_NOFOLLOW) != 0 || S_ISREG(x.st_mode) ||
        x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid ||
        x.st_rdev != y.st_rdev || x.st_nlink != 1 || y.st_nlink != 1 ||
        x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
        return false;
    if (!S_ISLNK(x.st_mode))
        return true;
    ssize_t len = io_readlink(old, name, a, sizeof(a));
    return len > 0 && len < (ssize_t)sizeof(a) && io_readlink(new, name, b, sizeof(b)) == len &&
           memcmp(a, b, (size_t)len) == 0;
}

static int refuse_changed(const char *path, struct err *e)
{
    return err_set(e, ERR_REFUSED,
                   "%s changed while the restore was running: stop what writes there, and run the "
                   "same restore again",
                   path);
}

/* 1: it was found the same before, and stays. */
static int ask_kept(struct comparison *c, int old, const char *name, const char *path,
                    struct err *e)
{
    struct stat st;

    if (c->spec->kept == NULL || io_stat(old, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    switch (tree_kept_ask(c->spec->kept, path, &st)) {
    case TREE_KEPT_SAME:
        return 1;
    case TREE_KEPT_CHANGED:
        return refuse_changed(path, e);
    default:
        return 0;
    }
}

static int compare_other(struct comparison *c, int old, int new, const char *name,
                         const struct pair *p, struct err *e)
{
    int kept = ask_kept(c, old, name, p->path, e);

    if (kept < 0)
        return -1;
    if (kept == 1 || (c->spec->kept != NULL && p->new == OTHER &&is_same(old, new, name)))
        c->stayed++;
    else
        tree_steps_add(c->steps, p->path, p->old_inode, p->new_inode);
    return 0;
}

static int compare_name(struct comparison *c, int old, int new, const char *name, const char *path,
                        bool inside, struct err *e)
{
    _cleanup_(close_pair) struct pair p = {
        .path = path[0] == '\0' ? mem_strdup(name) : mem_printf("%s/%s", path, name)};

    if (look(old, name, &p.old, &p.old_inode, e) < 0 ||
        look(new, name, &p.new, &p.new_inode, e) < 0)
        return -1;
    bool is_folder = p.old == NOTHING ? p.new == FOLDER : p.old != OTHER;
    enum tree_verdict verdict = judge(c, p.path, is_folder, inside);
    if (p.old == NOTHING && p.new != NOTHING)
        tree_steps_add(c->steps, p.path, 0, p.new_inode);
    else if (p.old == FOLDER && verdict != TREE_SKIP)
        return compare_folder(c, old, new, name, &p, verdict, is_inside(c, verdict, inside), e);
    else if (p.old == OTHER && verdict != TREE_SKIP)
        return compare_other(c, old, new, name, &p, e);
    c->stayed += p.old != NOTHING;
    return p.old == MOUNT_POINT ? check_mount_point(new, name, &p, e) : 0;
}

static int compare_folders(struct comparison *c, int old, int new, const char *path, bool inside,
                           struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist names = {0};
    int rc = both_names(old, new, &names, e);

    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = compare_name(c, old, new, names.items[i], path, inside, e);
    return rc;
}

static int compare_all(struct comparison *c, int target, int fresh, struct err *e)
{
    if (c->spec->single != NULL)
        return compare_name(c, target, fresh, c->spec->single, "", true, e);
    if (tree_steps_add_folder(c->steps, "", target, fresh, e) < 0)
        return err_wrap(e, "%s", c->spec->target);
    return compare_folders(c, target, fresh, "", false, e);
}

int tree_compare(const struct tree_swap_spec *spec, int target, int fresh, struct tree_steps *ret,
                 struct err *e)
{
    struct comparison c = {.spec = spec, .steps = ret};
    const char *missing;

    if (spec->kept != NULL)
        tree_kept_rewind(spec->kept);
    if (compare_all(&c, target, fresh, e) < 0)
        return -1;
    if (spec->kept != NULL && (missing = tree_kept_missing(spec->kept)) != NULL)
        return refuse_changed(missing, e);
    return 0;
}
