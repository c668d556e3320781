#include "lib/tree/tree_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_walk.h"

__attribute__((format(printf, 3, 0))) static void
report(struct tree_walk *w, void (*tell)(void *, const char *), const char *fmt, va_list args)
{
    char why[256];

    (void)vsnprintf(why, sizeof(why), fmt, args);
    _cleanup_free_ char *path = w->path_len == 0
                                    ? str_printable(w->spec->path, strlen(w->spec->path))
                                    : str_printable(w->path, w->path_len);
    _cleanup_free_ char *text = mem_printf("%s: %s", path, why);
    tell(w->visitor->arg, text);
}

void tree_walk_problem(struct tree_walk *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(w, w->visitor->problem, fmt, args);
    va_end(args);
}

void tree_walk_note(struct tree_walk *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(w, w->visitor->note, fmt, args);
    va_end(args);
}

void tree_walk_spoiled(struct tree_walk *w)
{
    _cleanup_free_ char *path = mem_strndup(w->path, w->path_len);

    if (w->visitor->spoiled != NULL)
        w->visitor->spoiled(w->visitor->arg, path);
}

void tree_walk_failed(struct tree_walk *w, const char *what, int errnum)
{
    if (errnum == ENOENT || errnum == ESTALE)
        tree_walk_note(w, "vanished while the tree was read");
    else if (errnum == ELOOP || errnum == ENOTDIR || errnum == ENXIO)
        tree_walk_problem(w, "became something else while the tree was read");
    else
        tree_walk_problem(w, "cannot %s: %s", what, strerror(errnum));
}

const struct tree_attrs *tree_walk_attrs(struct tree_walk *w, int fd)
{
    struct err e = {0};

    if (!w->spec->attributes)
        return NULL;
    if (tree_attrs_read(fd, &w->attrs, &e) < 0) {
        tree_walk_problem(w, "%s", e.text);
        tree_walk_spoiled(w);
    }
    return &w->attrs;
}

int tree_walk_known(struct tree_walk *w, const char *path, const struct stat *st, struct err *e)
{
    return w->visitor->known == NULL ? 0 : w->visitor->known(w->visitor->arg, path, st, e);
}

static int tell_member(struct tree_walk *w, const struct tree_member *m, struct err *e)
{
    return w->visitor->member(w->visitor->arg, m, e);
}

static void path_set(struct tree_walk *w, size_t parent_len, const char *name)
{
    size_t len = strlen(name), need = parent_len + 1 + len + 1;

    if (need > w->path_cap) {
        w->path_cap = need * 2;
        w->path = mem_resize(w->path, w->path_cap);
    }
    w->path_len = parent_len;
    if (parent_len > 0)
        w->path[w->path_len++] = '/';
    memcpy(w->path + w->path_len, name, len + 1);
    w->path_len += len;
}

static void path_cut(struct tree_walk *w, size_t len)
{
    w->path_len = len;
    w->path[len] = '\0';
}

/* Folders that are only passed through are told late, when something below them is. */
static int emit_folders(struct tree_walk *w, struct tree_scan *f, struct err *e)
{
    struct tree_member m = {.st = f->st};

    if (f->told)
        return 0;
    if (f->parent != NULL && emit_folders(w, f->parent, e) < 0)
        return -1;
    _cleanup_free_ char *path =
        f->parent == NULL ? mem_strdup("./") : mem_printf("%.*s/", (int)f->path_len, w->path);
    int known = tree_walk_known(w, path, &m.st, e);
    if (known < 0)
        return -1;
    size_t below = w->path_len;
    w->path_len = f->path_len; /* what there is to tell is of this folder */
    m.path = path;
    m.known = known == 1;
    m.attrs = m.known ? NULL : tree_walk_attrs(w, f->fd);
    w->path_len = below;
    f->told = true;
    return tell_member(w, &m, e);
}

static int emit_link(struct tree_walk *w, const struct stat *st, const char *earlier, struct err *e)
{
    const struct tree_member m = {.path = w->path, .st = *st, .link = earlier, .hard = true};

    w->result->files++;
    return tell_member(w, &m, e);
}

static int emit_known(struct tree_walk *w, const struct stat *st, struct err *e)
{
    const struct tree_member m = {.path = w->path, .st = *st, .known = true};

    w->result->files++;
    w->result->known++;
    w->result->known_bytes += (uint64_t)st->st_size;
    return tell_member(w, &m, e);
}

static int open_and_emit(struct tree_walk *w, struct tree_scan *f, const char *name, struct err *e)
{
    struct stat st;
    _cleanup_(fs_closep) int fd = tree_scan_open(&w->scanner, f->fd, name, 0);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && tree_ahead_give_up(w->ahead))
        fd = tree_scan_open(&w->scanner, f->fd, name, 0);
    if (fd < 0 || io_fstat(fd, &st) != 0) {
        tree_walk_failed(w, "read", errno);
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        tree_walk_problem(w, "became something else while the tree was read");
        return 0;
    }
    const char *earlier = st.st_nlink > 1 ? tree_links_find(w->links, &st) : NULL;
    if (earlier != NULL) /* what was another file a moment ago */
        return emit_link(w, &st, earlier, e);
    uint64_t before = w->result->files;
    if (tree_file_emit(w, fd, &st, e) < 0)
        return -1;
    if (st.st_nlink > 1 && w->result->files > before) /* never a link to what could not be read */
        tree_links_add(w->links, &st, w->path);
    return 0;
}

static int emit_file(struct tree_walk *w, struct tree_scan *f, const char *name,
                     const struct stat *st, struct err *e)
{
    if (emit_folders(w, f, e) < 0)
        return -1;
    const char *earlier = st->st_nlink > 1 ? tree_links_find(w->links, st) : NULL;
    if (earlier != NULL)
        return emit_link(w, st, earlier, e);
    int known = tree_walk_known(w, w->path, st, e);
    if (known <= 0)
        return known < 0 ? -1 : open_and_emit(w, f, name, e);
    if (st->st_nlink > 1)
        tree_links_add(w->links, st, w->path);
    return emit_known(w, st, e);
}

static int emit_other(struct tree_walk *w, struct tree_scan *f, const char *name,
                      const struct stat *st, struct err *e)
{
    struct tree_member m = {.path = w->path, .st = *st};
    char target[PATH_MAX + 1];

    if (S_ISSOCK(st->st_mode)) {
        tree_walk_note(w, "a socket, which only the program that made it can bring back");
        return 0;
    }
    if (S_ISLNK(st->st_mode)) {
        ssize_t len = io_readlink(f->fd, name, target, sizeof(target));
        if (len < 0 || (size_t)len == sizeof(target)) {
            tree_walk_failed(w, "read link", len < 0 ? errno : ENAMETOOLONG);
            return 0;
        }
        target[len] = '\0';
        m.link = target;
    }
    w->result->files++;
    return emit_folders(w, f, e) < 0 ? -1 : tell_member(w, &m, e);
}

static int walk_folder(struct tree_walk *w, struct tree_scan *f, struct err *e);

/* The folder entered last; what did not work when it was scanned is told now. */
static int walk_scanned(struct tree_walk *w, struct tree_scan *f, bool belongs, struct err *e)
{
    if (f->found == TREE_SCAN_NOT_OPENED) {
        tree_walk_failed(w, "open", f->errnum);
        return 0;
    }
    if (f->found == TREE_SCAN_TOO_DEEP) {
        tree_walk_problem(w, "nested more than %d folders deep, not read", TREE_DEPTH_MAX);
        return 0;
    }
    if (belongs && emit_folders(w, f, e) < 0)
        return -1;
    if (f->found == TREE_SCAN_MOUNTED) {
        tree_walk_note(w, "another file system is mounted here, not read (one_file_system)");
        return 0;
    }
    return walk_folder(w, f, e);
}

static int walk_entry(struct tree_walk *w, struct tree_scan *f, size_t index, struct err *e)
{
    const struct tree_scan_entry *entry = &f->entries[index];
    const char *name = tree_scan_name(f, index);

    if (entry->type == DT_DIR) {
        struct tree_scan *below = tree_ahead_enter(w->ahead, index);
        int rc = walk_scanned(w, below, entry->verdict == TREE_TAKE, e);
        tree_ahead_leave(w->ahead);
        return rc;
    }
    const struct tree_stat *found = tree_scan_stat(f, index);
    if (found->errnum != 0) {
        tree_walk_failed(w, "stat", found->errnum);
        return 0;
    }
    const struct stat st = found->st;
    if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) != (entry->type == DT_REG)) {
        tree_walk_problem(w, "became something else while the tree was read");
        return 0;
    }
    return S_ISREG(st.st_mode) ? emit_file(w, f, name, &st, e) : emit_other(w, f, name, &st, e);
}

static int walk_folder(struct tree_walk *w, struct tree_scan *f, struct err *e)
{
    int rc = 0;

    if (f->errnum != 0)
        tree_walk_failed(w, "list", f->errnum);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        path_set(w, f->path_len, tree_scan_name(f, i));
        rc = walk_entry(w, f, i, e);
        if (rc == 0 && i % 256 == 0)
            rc = w->visitor->progress(w->visitor->arg, w->path, w->result->bytes, e);
        path_cut(w, f->path_len);
    }
    return rc;
}

/* A folder per level stays open. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused: deep trees end in a problem */
    }
}

static int read_single(struct tree_walk *w, int fd, const struct stat *st, struct err *e)
{
    const char *slash = strrchr(w->spec->path, '/');

    w->result->single = true;
    path_set(w, 0, slash == NULL ? w->spec->path : slash + 1);
    int known = tree_walk_known(w, w->path, st, e);
    if (known < 0)
        return -1;
    return known == 1 ? emit_known(w, st, e) : tree_file_emit(w, fd, st, e);
}

static int read_root(struct tree_walk *w, int fd, const struct stat *st, struct err *e)
{
    struct tree_scan *root = tree_scan_new_root(fd, st);
    int rc = 0;

    w->scanner.device = st->st_dev;
    tree_scan_run(&w->scanner, root);
    w->ahead = tree_ahead_new(&w->scanner, root, w->spec->helpers);
    if (!tree_rules_has_include(w->spec->rules))
        rc = emit_folders(w, root, e);
    if (rc == 0)
        rc = walk_folder(w, root, e);
    tree_ahead_free(w->ahead);
    tree_scan_free(root);
    if (rc == 0 && w->result->files == 0 && w->spec->must_hold_files)
        return err_set(e, ERR_SOURCE,
                       "%s is empty, but earlier backups hold files of it: is it mounted? (if it "
                       "is meant to be empty: allow_empty = yes)",
                       w->spec->path);
    return rc;
}

int tree_read(const struct tree_read_spec *spec, const struct tree_visitor *visitor,
              struct tree_read_result *ret, struct err *e)
{
    struct tree_walk w = {
        .spec = spec,
        .visitor = visitor,
        .result = ret,
        .scanner = {.rules = spec->rules, .one_file_system = spec->one_file_system},
    };
    struct stat st;

    *ret = (struct tree_read_result){0};
    raise_descriptor_limit();
    _cleanup_(fs_closep) int fd =
        io_open(AT_FDCWD, spec->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || io_fstat(fd, &st) != 0)
        return err_sys(e, ERR_SOURCE, errno, "%s", spec->path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return err_set(e, ERR_SOURCE, "%s is neither a folder nor a regular file", spec->path);
    w.links = tree_links_create();
    w.buffer = mem_alloc(TREE_WHOLE_MAX);
    path_set(&w, 0, "");
    int rc =
        S_ISDIR(st.st_mode) ? read_root(&w, fs_take_fd(&fd), &st, e) : read_single(&w, fd, &st, e);
    tree_links_free(w.links);
    tree_scanner_deinit(&w.scanner);
    tree_attrs_deinit(&w.attrs);
    free(w.buffer);
    free(w.path);
    return rc;
}
