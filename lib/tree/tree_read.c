#include "lib/tree/tree_read.h"

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

/* One folder on the way down. Folders that are only passed through are emitted late, when
 * something below them is. */
struct level {
    struct level *parent;
    int fd;
    size_t path_len; /* of w->path, up to this folder */
    int depth;
    bool emitted, inside;
};

struct names {       /* of one folder, sorted */
    struct buf text; /* each: type byte, name, NUL */
    char **items;    /* into text, at the name */
    size_t count;
};

int tree_walk_open(struct tree_walk *w, int dirfd, const char *name, int flags)
{
    flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    if (!w->plain_open) {
        int fd = io_open(dirfd, name, flags | O_NOATIME, 0);
        if (fd >= 0 || errno != EPERM)
            return fd;
        w->plain_open = true; /* not the owner: it will hardly be otherwise for the next */
    }
    return io_open(dirfd, name, flags, 0);
}

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
    if (tree_attrs_read(fd, &w->attrs, &e) < 0)
        tree_walk_problem(w, "%s", e.text);
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

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_deinit(struct names *n)
{
    buf_deinit(&n->text);
    free(n->items);
}

static void names_sort(struct names *n)
{
    char *at = (char *)n->text.data;

    n->items = mem_resize_array(NULL, n->count + 1, sizeof(*n->items));
    for (size_t i = 0; i < n->count; i++, at += strlen(at) + 1)
        n->items[i] = ++at; /* behind the type byte */
    qsort(n->items, n->count, sizeof(*n->items), compare_names);
}

/* A folder that cannot be listed to its end is a problem; what was seen is taken. */
static int names_read(struct tree_walk *w, int fd, struct names *n, struct err *e)
{
    DIR *dir = io_opendir(fd, ".");
    struct dirent *entry;
    int rc = 0;

    *n = (struct names){.text = BUF_INIT(SIZE_MAX / 2)};
    if (dir == NULL) {
        tree_walk_failed(w, "list", errno);
        return 0;
    }
    while (rc == 0 && (entry = io_readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = buf_append(&n->text, &entry->d_type, 1, e);
        if (rc == 0)
            rc = buf_append(&n->text, entry->d_name, strlen(entry->d_name) + 1, e);
        n->count++;
    }
    if (rc == 0 && errno != 0)
        tree_walk_failed(w, "list", errno);
    (void)io_closedir(dir);
    names_sort(n);
    return rc;
}

static int emit_folders(struct tree_walk *w, struct level *level, struct err *e)
{
    struct tree_member m = {0};

    if (level->emitted)
        return 0;
    if (level->parent != NULL && emit_folders(w, level->parent, e) < 0)
        return -1;
    _cleanup_free_ char *path = level->path_len == 0
                                    ? mem_strdup("./")
                                    : mem_printf("%.*s/", (int)level->path_len, w->path);
    if (io_fstat(level->fd, &m.st) != 0)
        return err_sys(e, ERR_SOURCE, errno, "stat of folder %s", path);
    int known = tree_walk_known(w, path, &m.st, e);
    if (known < 0)
        return -1;
    m.path = path;
    m.known = known == 1;
    m.attrs = m.known ? NULL : tree_walk_attrs(w, level->fd);
    level->emitted = true;
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

static int open_and_emit(struct tree_walk *w, struct level *level, const char *name, struct err *e)
{
    struct stat st;
    _cleanup_(fs_closep) int fd = tree_walk_open(w, level->fd, name, 0);

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

static int emit_file(struct tree_walk *w, struct level *level, const char *name, struct err *e)
{
    struct stat st;

    if (io_stat(level->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        tree_walk_failed(w, "stat", errno);
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        tree_walk_problem(w, "became something else while the tree was read");
        return 0;
    }
    if (emit_folders(w, level, e) < 0)
        return -1;
    const char *earlier = st.st_nlink > 1 ? tree_links_find(w->links, &st) : NULL;
    if (earlier != NULL)
        return emit_link(w, &st, earlier, e);
    int known = tree_walk_known(w, w->path, &st, e);
    if (known <= 0)
        return known < 0 ? -1 : open_and_emit(w, level, name, e);
    if (st.st_nlink > 1)
        tree_links_add(w->links, &st, w->path);
    return emit_known(w, &st, e);
}

static int emit_other(struct tree_walk *w, struct level *level, const char *name, struct err *e)
{
    struct tree_member m = {.path = w->path};
    char target[PATH_MAX + 1];

    if (io_stat(level->fd, name, &m.st, AT_SYMLINK_NOFOLLOW) != 0) {
        tree_walk_failed(w, "stat", errno);
        return 0;
    }
    if (S_ISSOCK(m.st.st_mode)) {
        tree_walk_note(w, "a socket, which only the program that made it can bring back");
        return 0;
    }
    if (S_ISREG(m.st.st_mode) || S_ISDIR(m.st.st_mode)) {
        tree_walk_problem(w, "became something else while the tree was read");
        return 0;
    }
    if (S_ISLNK(m.st.st_mode)) {
        ssize_t len = io_readlink(level->fd, name, target, sizeof(target));
        if (len < 0 || (size_t)len == sizeof(target)) {
            tree_walk_failed(w, "read link", len < 0 ? errno : ENAMETOOLONG);
            return 0;
        }
        target[len] = '\0';
        m.link = target;
    }
    w->result->files++;
    return emit_folders(w, level, e) < 0 ? -1 : tell_member(w, &m, e);
}

static int walk_folder(struct tree_walk *w, struct level *level, struct err *e);

static int enter_folder(struct tree_walk *w, struct level *level, const char *name,
                        enum tree_verdict verdict, struct err *e)
{
    struct stat st;
    _cleanup_(fs_closep) int fd = tree_walk_open(w, level->fd, name, O_DIRECTORY);
    struct level next = {
        .parent = level,
        .fd = fd,
        .path_len = w->path_len,
        .depth = level->depth + 1,
        .inside = level->inside || (verdict == TREE_TAKE && tree_rules_has_include(w->spec->rules)),
    };

    if (fd < 0 || io_fstat(fd, &st) != 0) {
        tree_walk_failed(w, "open", errno);
        return 0;
    }
    if (next.depth > TREE_DEPTH_MAX) {
        tree_walk_problem(w, "nested more than %d folders deep, not read", TREE_DEPTH_MAX);
        return 0;
    }
    if (verdict == TREE_TAKE && emit_folders(w, &next, e) < 0)
        return -1;
    if (w->spec->one_file_system && st.st_dev != w->device) {
        tree_walk_note(w, "another file system is mounted here, not read (one_file_system)");
        return 0;
    }
    return walk_folder(w, &next, e);
}

static int walk_entry(struct tree_walk *w, struct level *level, const char *name,
                      unsigned char type, struct err *e)
{
    struct stat st;

    if (type == DT_UNKNOWN) {
        if (io_stat(level->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            tree_walk_failed(w, "stat", errno);
            return 0;
        }
        type = (unsigned char)IFTODT(st.st_mode);
    }
    enum tree_verdict verdict =
        tree_rules_judge(w->spec->rules, w->path, type == DT_DIR, level->inside);
    if (verdict == TREE_SKIP)
        return 0;
    if (type == DT_DIR)
        return enter_folder(w, level, name, verdict, e);
    return type == DT_REG ? emit_file(w, level, name, e) : emit_other(w, level, name, e);
}

static int walk_folder(struct tree_walk *w, struct level *level, struct err *e)
{
    _cleanup_(names_deinit) struct names names;
    int rc = names_read(w, level->fd, &names, e);

    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        path_set(w, level->path_len, names.items[i]);
        rc = walk_entry(w, level, names.items[i], (unsigned char)names.items[i][-1], e);
        if (rc == 0 && i % 256 == 0)
            rc = w->visitor->progress(w->visitor->arg, w->path, w->result->bytes, e);
        path_cut(w, level->path_len);
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
    struct level root = {.fd = fd, .inside = false};

    w->device = st->st_dev;
    if (!tree_rules_has_include(w->spec->rules) && emit_folders(w, &root, e) < 0)
        return -1;
    if (walk_folder(w, &root, e) < 0)
        return -1;
    if (w->result->files == 0 && w->spec->must_hold_files)
        return err_set(e, ERR_SOURCE,
                       "%s is empty, but earlier backups hold files of it: is it mounted? (if it "
                       "is meant to be empty: allow_empty = yes)",
                       w->spec->path);
    return 0;
}

int tree_read(const struct tree_read_spec *spec, const struct tree_visitor *visitor,
              struct tree_read_result *ret, struct err *e)
{
    struct tree_walk w = {.spec = spec, .visitor = visitor, .result = ret};
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
    int rc = S_ISDIR(st.st_mode) ? read_root(&w, fd, &st, e) : read_single(&w, fd, &st, e);
    tree_links_free(w.links);
    tree_attrs_deinit(&w.attrs);
    free(w.buffer);
    free(w.path);
    return rc;
}
